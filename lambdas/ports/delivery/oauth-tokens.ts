import type { CallbackOutcome } from '../../engine/delivery/callback-outcome.ts';
import type { OauthClient } from '../../engine/endpoint-auth/endpoint-auth-schema.ts';

export type TokenOutcome =
  | { readonly kind: 'token'; readonly token: string }
  /** No token, so no callback: a failed attempt. The reason holds no secret. */
  | Extract<CallbackOutcome, { kind: 'failed' }>;

/** Tokens with which endpoints are called (OAuth 2.0 client credentials). Never throws for what a token endpoint does. */
export interface OauthTokens {
  /** A token that is remembered, or else fetched. */
  tokenFor(client: OauthClient): Promise<TokenOutcome>;
  /** The endpoint answered 401: this token is not used again. */
  forget(client: OauthClient, token: string): void;
}
