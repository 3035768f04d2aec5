export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Calls the deployment itself over HTTP, as its callers and providers do. */
export interface HttpCaller {
  /** @throws TypeError, or a DOMException for a call that takes too long, where there is no answer. */
  call(request: HttpRequest): Promise<HttpAnswer>;
}
