const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  415: 'Unsupported Media Type',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  508: 'Loop Detected',
};

/** A refusal for the caller to read. */
export interface Problem {
  readonly status: number;
  /** What is wrong with the request, and how to correct it. Safe to show. */
  readonly detail: string;
  /** More members for programs, such as `reason` and `errors`. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * RFC 9457 problem details as an HTTP answer; header names in lower case.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
export function problemAnswer({ status, detail, extensions, headers }: Problem): {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
} {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify({ type: 'about:blank', title: titles[status] ?? 'Error', status, detail, ...extensions }),
  };
}
