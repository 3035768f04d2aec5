import type { CallbackOutcome } from '../../engine/delivery/callback-outcome.ts';
import type { OauthClient } from '../../engine/endpoint-auth/endpoint-auth-schema.ts';

export type TokenOutcome =
  | { readonly kind: 'token'; readonly token: string }
  /** Without a token there is no callback, so the attempt failed. The reason holds no secret. */
  | Extract<CallbackOutcome, { kind: 'failed' }>;

/** Access tokens for endpoints (OAuth 2.0 client credentials). Never throws because of a token endpoint. */
export interface OauthTokens {
  /** A cached token, or a new one. */
  tokenFor(client: OauthClient): Promise<TokenOutcome>;
  /** Drop a token that the endpoint answered with 401. */
  forget(client: OauthClient, token: string): void;
}
