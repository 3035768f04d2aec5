import { importPKCS8, SignJWT } from 'jose';
import type { CredentialsSpec, JwtBearerSpec, OAuth2Spec } from '../language/credentials-schema.ts';
import { lackingMessage } from '../request/base-url.ts';
import { renderCallTemplate, toCallTemplate } from '../request/call-template.ts';
import { durationMs, textOf } from '../request/call-transforms.ts';
import type { CallValues } from '../request/call-values.ts';
import type { Preparation, PreparedCall } from '../request/prepare-call.ts';

/** The vendor's OAuth client at the provider. */
export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** How a token is asked for. */
export type TokenGrant =
  | {
      readonly kind: 'code';
      readonly code: string;
      readonly redirectUri: string;
      readonly verifier: string | undefined;
    }
  | { readonly kind: 'refresh'; readonly refreshToken: string }
  | { readonly kind: 'client-credentials' }
  | { readonly kind: 'assertion' };

/** A template that lacks a value. */
class Lacking extends Error {}

/** Build the request for a token. The kinds that log in by a declared call do not need it. */
export async function tokenRequest(
  spec: CredentialsSpec,
  kind: 'oauth2' | 'oauth2_client_credentials' | 'oauth2_jwt_bearer',
  grant: TokenGrant,
  client: OAuthClient,
  values: CallValues,
  nowMs: number,
): Promise<Preparation> {
  const said = spec[kind];
  if (said === undefined) return { kind: 'fault', message: `the integration has no credentials of the kind ${kind}` };
  try {
    const url = rendered(urlsOf(said, values).token_url, values) ?? '';
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) return { kind: 'fault', message: 'token_url is not a URL' };
    const form: Record<string, string> = {
      ...grantFields(grant),
      ...scopeFields(said.scopes, said.scope_separator, grant),
      ...renderedAll(said.token_params ?? {}, values),
    };
    const headers: Record<string, string> = { accept: 'application/json' };
    if (kind === 'oauth2_jwt_bearer' && spec.oauth2_jwt_bearer !== undefined)
      await assert(spec.oauth2_jwt_bearer, form, headers, values, nowMs);
    else if ('client_auth' in said && said.client_auth === 'basic') headers['authorization'] = basic(client);
    else Object.assign(form, { client_id: client.clientId, client_secret: client.clientSecret });
    const isJson = 'token_format' in said && said.token_format === 'json';
    return { kind: 'call', call: post(url, form, headers, isJson) };
  } catch (error) {
    if (error instanceof Lacking) return { kind: 'fault', message: error.message };
    throw error;
  }
}

function post(
  url: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
  isJson: boolean,
): PreparedCall {
  return {
    method: 'POST',
    url,
    headers: { ...headers, 'content-type': isJson ? 'application/json' : 'application/x-www-form-urlencoded' },
    body: isJson ? JSON.stringify(form) : new URLSearchParams(form).toString(),
  };
}

/** The URLs of the account's region, where it has its own. */
export function urlsOf<Urls extends { readonly token_url: string }>(
  spec: Urls & Partial<Pick<OAuth2Spec, 'regions'>>,
  values: CallValues,
): Urls {
  const region = textOf((values.context as Readonly<Record<string, unknown>> | undefined)?.['region']);
  const own = region !== undefined && Object.hasOwn(spec.regions ?? {}, region) ? spec.regions?.[region] : undefined;
  const given = Object.entries(own ?? {}).filter(([, url]) => url !== undefined);
  return { ...spec, ...Object.fromEntries(given) };
}

function grantFields(grant: TokenGrant): Record<string, string> {
  switch (grant.kind) {
    case 'code':
      return {
        grant_type: 'authorization_code',
        code: grant.code,
        redirect_uri: grant.redirectUri,
        ...(grant.verifier === undefined ? {} : { code_verifier: grant.verifier }),
      };
    case 'refresh':
      return { grant_type: 'refresh_token', refresh_token: grant.refreshToken };
    case 'client-credentials':
    case 'assertion':
      return { grant_type: 'client_credentials' };
  }
}

/** A code and a refresh token have the scopes of the consent. */
function scopeFields(scopes: readonly string[], separator: string, { kind }: TokenGrant): Record<string, string> {
  return scopes.length === 0 || kind === 'code' || kind === 'refresh' ? {} : { scope: scopes.join(separator) };
}

/** @see https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1 */
function basic({ clientId, clientSecret }: OAuthClient): string {
  const encoded = [clientId, clientSecret].map((text) => encodeURIComponent(text).replaceAll('%20', '+'));
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`;
}

/** @see https://www.rfc-editor.org/rfc/rfc7523 */
async function assert(
  { grant, jwt }: JwtBearerSpec,
  form: Record<string, string>,
  headers: Record<string, string>,
  values: CallValues,
  nowMs: number,
): Promise<void> {
  const nowSeconds = Math.floor(nowMs / 1000);
  const lifetimeSeconds = Math.floor((durationMs(jwt.lifetime) ?? 300_000) / 1000);
  const pem = textOf((values.credential as Readonly<Record<string, unknown>> | undefined)?.['private_key']) ?? '';
  const claims = {
    ...defined('iss', rendered(jwt.issuer, values)),
    ...defined('sub', jwt.subject === undefined ? undefined : rendered(jwt.subject, values)),
    ...defined('aud', jwt.audience === undefined ? undefined : rendered(jwt.audience, values)),
    ...renderedAll(jwt.claims ?? {}, values),
    // The provider's clock may be a little behind.
    iat: nowSeconds - 10,
    exp: nowSeconds + lifetimeSeconds,
  };
  let key: Awaited<ReturnType<typeof importPKCS8>>;
  try {
    key = await importPKCS8(pem, jwt.algorithm);
  } catch {
    throw new Lacking(`the account's "private_key" is not a PKCS #8 key for ${jwt.algorithm}`);
  }
  const keyId = jwt.key_id === undefined ? undefined : rendered(jwt.key_id, values);
  const signed = await new SignJWT(claims)
    .setProtectedHeader({ alg: jwt.algorithm, typ: 'JWT', ...defined('kid', keyId) })
    .sign(key);
  if (grant === 'jwt-bearer') {
    form['grant_type'] = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    form['assertion'] = signed;
  } else if (grant === 'client-assertion') {
    form['client_assertion_type'] = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    form['client_assertion'] = signed;
  } else {
    delete form['grant_type'];
    headers['authorization'] = `Bearer ${signed}`;
  }
}

function defined(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

function renderedAll(templates: Readonly<Record<string, string>>, values: CallValues): Record<string, string> {
  return Object.fromEntries(
    Object.entries(templates).flatMap(([name, template]) => {
      const text = rendered(template, values);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

function rendered(template: string, values: CallValues): string | undefined {
  const value = renderCallTemplate(toCallTemplate(template), values, hostSafe(template));
  if (value.kind === 'missing') throw new Lacking(lackingMessage(value.source));
  return value.kind === 'unset' ? undefined : textOf(value.value);
}

/** A value in a URL must not lead to another host. */
function hostSafe(template: string): (text: string) => string {
  return /^https?:\/\//.test(template) ? encodeURIComponent : (text) => text;
}
