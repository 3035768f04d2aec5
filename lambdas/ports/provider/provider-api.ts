/** A request of a provider, ready to be sent. */
export interface ApiRequest {
  readonly method: string;
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Time for the whole exchange. */
  readonly timeoutMs: number;
  /** A larger answer fails the call. */
  readonly maxAnswerBytes: number;
}

export type ApiAnswer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** Lower-case names; repeated headers are joined by commas. */
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Buffer;
    }
  | {
      readonly kind: 'failed';
      /** `refused`: the egress policy forbids the address. */
      readonly why: 'refused' | 'timeout' | 'network' | 'too-large';
      /** Safe to show. */
      readonly error: string;
      /** Whether the request may have reached the provider. */
      readonly wasSent: boolean;
    };

/** Calls providers. A redirect is an answer; it is not followed. Never throws. */
export interface ProviderApi {
  send(request: ApiRequest): Promise<ApiAnswer>;
}
