import type { AccessToken, CredentialValues } from '../../../lambdas/engine/provider/credentials/credential-values.ts';
import type { OAuthClient } from '../../../lambdas/engine/provider/credentials/token-request.ts';
import type { ApiRequest } from '../../../lambdas/ports/provider/provider-api.ts';

/** What a request has that may hold credentials. */
type SentRequest = Pick<ApiRequest, 'method' | 'url' | 'headers' | 'body'>;

/** A request without what holds credentials. */
export interface ShownRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Stands for a value that is not shown. */
const hidden = '…';
/** A shorter secret would hide parts of common words. */
const minCharacters = 4;
/** Members that are no secrets, and common words in answers. */
const publicMembers: ReadonlySet<string> = new Set(['region', 'expires_at']);
/** Members of a request for a token that hold no secret. */
const publicFields: ReadonlySet<string> = new Set(['grant_type', 'scope', 'redirect_uri']);
const publicHeaders: ReadonlySet<string> = new Set(['accept', 'content-type', 'accept-encoding']);

/** Credentials of the same shape with other values, to find what depends on them. */
export function decoyOf({ kind, members, token }: CredentialValues): CredentialValues {
  const replaced = (values: Readonly<Record<string, string>>, prefix: string) =>
    Object.fromEntries(Object.keys(values).map((name, index) => [name, `decoy${prefix}${index}`]));
  return {
    kind,
    members: replaced(members, 'm'),
    ...(token === undefined ? {} : { token: decoyToken(token, (kept) => replaced(kept, 'k')) }),
  };
}

function decoyToken(
  { refresh, kept }: AccessToken,
  replaced: (values: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
): AccessToken {
  return {
    access: 'decoyaccess',
    ...(refresh === undefined ? {} : { refresh: 'decoyrefresh' }),
    ...(kept === undefined ? {} : { kept: replaced(kept) }),
  };
}

/** A call without the values that are others with other credentials. */
export function showRequest(request: SentRequest, decoy: SentRequest | undefined): ShownRequest {
  const headers = Object.entries(request.headers).map(([name, value]) => [
    name,
    decoy === undefined && publicHeaders.has(name) ? value : withoutValue(value, decoy?.headers[name]),
  ]);
  return {
    method: request.method,
    url: showUrl(request.url, decoy?.url),
    headers: Object.fromEntries(headers) as Readonly<Record<string, string>>,
    body: showBody(request.body, decoy?.body),
  };
}

/** A request for a token: nearly all of it is secret. */
export function showTokenRequest({ method, url, headers, body }: SentRequest): ShownRequest {
  const shownHeaders = Object.entries(headers).map(([name, value]) => [
    name,
    publicHeaders.has(name) ? value : withoutValue(value, undefined),
  ]);
  return {
    method,
    url: showUrl(url, undefined),
    headers: Object.fromEntries(shownHeaders) as Readonly<Record<string, string>>,
    body: body === undefined ? undefined : showFields(body),
  };
}

/** Keep the scheme of `Authorization: Bearer …`. */
function withoutValue(value: string, decoy: string | undefined): string {
  if (value === decoy) return value;
  const scheme = /^[A-Za-z][\w-]* /.exec(value)?.[0];
  const isScheme = scheme !== undefined && (decoy?.startsWith(scheme) ?? /^(basic|bearer) $/i.test(scheme));
  return `${isScheme ? scheme : ''}${hidden}`;
}

/** The URL as it is read best: a query's brackets and commas stay. */
function showUrl(text: string, decoyText: string | undefined): string {
  const url = new URL(text);
  const decoy = decoyText === undefined ? undefined : new URL(decoyText);
  const host = decoy === undefined || decoy.origin === url.origin ? url.origin : `${url.protocol}//${hidden}`;
  const others = decoy?.pathname.split('/');
  const path = url.pathname
    .split('/')
    .map((part, index) => (others === undefined || others[index] === part ? part : hidden))
    .join('/');
  const query = [...url.searchParams].map(([name, value]) => {
    const isSame = decoy?.searchParams.getAll(name).includes(value) === true;
    return `${encodeURIComponent(name)}=${isSame ? encodeURIComponent(value).replaceAll('%2C', ',') : hidden}`;
  });
  return `${host}${path}${query.length === 0 ? '' : `?${query.join('&')}`}`;
}

function showBody(body: string | undefined, decoy: string | undefined): string | undefined {
  if (body === undefined || body === decoy) return body;
  try {
    return JSON.stringify(withoutDifferences(JSON.parse(body), JSON.parse(decoy ?? 'null')));
  } catch {
    return hidden;
  }
}

function withoutDifferences(value: unknown, decoy: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(decoy))
    return value.map((item, index) => withoutDifferences(item, decoy[index]));
  if (isRecord(value) && isRecord(decoy))
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, withoutDifferences(member, decoy[name])]),
    );
  return Object.is(value, decoy) ? value : hidden;
}

/** The names of a form, or of a JSON object, with the values that are no secrets. */
function showFields(body: string): string {
  const shown = (fields: Iterable<readonly [string, unknown]>) =>
    [...fields].map(([name, value]) => `${name}=${publicFields.has(name) ? String(value) : hidden}`).join('&');
  try {
    const value: unknown = JSON.parse(body);
    return isRecord(value) ? shown(Object.entries(value)) : hidden;
  } catch {
    return body.includes('=') ? shown(new URLSearchParams(body)) : hidden;
  }
}

/** An answer of a token endpoint: its members, with the values that are no secrets. */
export function showTokenAnswer(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    return JSON.stringify(withoutTexts(value));
  } catch {
    return body === '' ? '' : hidden;
  }
}

function withoutTexts(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutTexts(item));
  if (isRecord(value))
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withoutTexts(member, key)]));
  const isPublic = typeof value !== 'string' || ['error', 'token_type', 'scope'].includes(name);
  return isPublic ? value : hidden;
}

/** Every text that must not be shown, and what stands for it. */
export type Secrets = ReadonlyMap<string, string>;

/**
 * Collect the secrets of an account, also in the form that its requests carry.
 *
 * @param credentials - Those of the file, and those that calls have brought.
 * @param requests - As they were sent, with what is shown of them.
 */
export function collectSecrets(
  credentials: readonly CredentialValues[],
  client: OAuthClient | undefined,
  requests: readonly { readonly request: SentRequest; readonly shown: ShownRequest }[],
): Secrets {
  const secrets = new Map<string, string>();
  const add = (value: string | undefined, name: string) => {
    if (value === undefined || value.length < minCharacters) return;
    for (const form of [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])
      if (!secrets.has(form)) secrets.set(form, `<${name}>`);
  };
  for (const { members, token } of credentials) {
    for (const [name, value] of Object.entries(members))
      if (!publicMembers.has(name)) add(value, `credentials.${name}`);
    add(token?.access, 'credentials.access_token');
    add(token?.refresh, 'credentials.refresh_token');
    for (const [name, value] of Object.entries(token?.kept ?? {})) add(value, `credentials.${name}`);
  }
  add(client?.clientSecret, 'client.client_secret');
  for (const { request, shown } of requests)
    for (const [name, value] of Object.entries(request.headers))
      if (shown.headers[name] !== value) add(value.replace(/^\S+ /, ''), name);
  return secrets;
}

/** The value without any secret in its texts. */
export function withoutSecrets<T>(value: T, secrets: Secrets): T {
  const forms = [...secrets.keys()].sort((a, b) => b.length - a.length);
  const cleaned = (text: string) =>
    forms.reduce((current, form) => current.replaceAll(form, () => secrets.get(form) ?? hidden), text);
  return mapTexts(value, cleaned) as T;
}

function mapTexts(value: unknown, apply: (text: string) => string): unknown {
  if (typeof value === 'string') return apply(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, apply));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapTexts(member, apply)]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
