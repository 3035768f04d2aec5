import { createHash } from 'node:crypto';
import type { OAuth2Spec } from '../language/credentials-schema.ts';
import { lackingMessage } from '../request/base-url.ts';
import { renderCallTemplate, toCallTemplate } from '../request/call-template.ts';
import type { CallValues } from '../request/call-values.ts';
import { urlsOf } from './token-request.ts';

export interface ConsentRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly state: string;
  /** PKCE; undefined where the provider does not take it. */
  readonly verifier: string | undefined;
}

export type AuthorizeUrl =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'fault'; readonly message: string };

/** Where the owner of an account consents. @see https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1 */
export function authorizeUrl(spec: OAuth2Spec, values: CallValues, consent: ConsentRequest): AuthorizeUrl {
  const written = rendered(urlsOf(spec, values).authorize_url, values, encodeURIComponent);
  if (written.kind === 'fault') return written;
  if (!URL.canParse(written.text)) return { kind: 'fault', message: 'authorize_url is not a URL' };
  const url = new URL(written.text);
  const params: Record<string, string> = {
    response_type: 'code',
    client_id: consent.clientId,
    redirect_uri: consent.redirectUri,
    state: consent.state,
    ...(spec.scopes.length === 0 ? {} : { [spec.scope_parameter]: spec.scopes.join(spec.scope_separator) }),
    ...(consent.verifier === undefined
      ? {}
      : {
          code_challenge: createHash('sha256').update(consent.verifier).digest('base64url'),
          code_challenge_method: 'S256',
        }),
  };
  for (const [name, template] of Object.entries(spec.params ?? {})) {
    const value = rendered(template, values);
    if (value.kind === 'fault') return value;
    params[name] = value.text;
  }
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return { kind: 'url', url: url.href };
}

function rendered(
  template: string,
  values: CallValues,
  encode?: (text: string) => string,
): { readonly kind: 'text'; readonly text: string } | { readonly kind: 'fault'; readonly message: string } {
  const value = renderCallTemplate(toCallTemplate(template), values, encode);
  if (value.kind === 'missing') return { kind: 'fault', message: lackingMessage(value.source) };
  return { kind: 'text', text: value.kind === 'value' ? String(value.value) : '' };
}
