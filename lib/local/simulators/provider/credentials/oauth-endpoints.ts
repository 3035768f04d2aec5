import { createHash } from 'node:crypto';
import type { CredentialsSpec } from '../../../../../lambdas/engine/provider/language/credentials-schema.ts';
import { durationMs } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { errorAnswer, jsonAnswer, type ProviderAnswer } from '../answers/provider-answer.ts';
import type { ProviderRequest } from '../requests/provider-request.ts';
import { pathOfUrlTemplate, templatePattern } from '../requests/template-pattern.ts';
import type { SimulatedCredentials } from './simulated-credentials.ts';
import { capturedParameters, tokenBody } from './token-body.ts';
import type { IssuedTokens, TokenIssuer } from './token-issuer.ts';

/** The kinds whose tokens come from an endpoint. */
const tokenKinds = ['oauth2', 'oauth2_client_credentials', 'oauth2_jwt_bearer'] as const;
type TokenKind = (typeof tokenKinds)[number];

export interface OAuthOptions {
  readonly spec: CredentialsSpec;
  readonly configured: SimulatedCredentials;
  readonly tokens: TokenIssuer;
  /** Of the account, for what a consent captures. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Whether the owner refuses each consent. */
  readonly denies: boolean;
  readonly nowMs: () => number;
}

export interface OAuthEndpoints {
  /** @returns Undefined for a request that is for neither endpoint. */
  answer(
    request: ProviderRequest,
  ): { readonly name: 'authorize' | 'token'; readonly answer: () => ProviderAnswer } | undefined;
}

interface Consent {
  readonly redirectUri: string;
  readonly challenge: string | undefined;
  /** The grant of the first use. */
  family: string | undefined;
}

/** The authorize and token endpoints of a definition. @see https://www.rfc-editor.org/rfc/rfc6749 */
export function createOAuthEndpoints(options: OAuthOptions): OAuthEndpoints {
  const { spec, denies } = options;
  const consents = new Map<string, Consent>();
  const regions = Object.values(spec.oauth2?.regions ?? {});
  const isAuthorize = pathCheck([spec.oauth2?.authorize_url, ...regions.map((region) => region.authorize_url)]);
  const endpoints = tokenKinds.map((kind) => {
    const others = kind === 'oauth2' ? regions.map((region) => region.token_url) : [];
    return [kind, pathCheck([spec[kind]?.token_url, ...others])] as const;
  });
  return {
    answer(request) {
      if (request.method === 'GET' && isAuthorize(request.path))
        return { name: 'authorize', answer: () => authorize(options, consents, request, denies) };
      const kinds = endpoints
        .filter(([, isAt]) => request.method === 'POST' && isAt(request.path))
        .map(([kind]) => kind);
      return kinds.length === 0
        ? undefined
        : { name: 'token', answer: () => exchange(options, consents, kinds, request) };
    },
  };
}

/** Match the paths of URLs. */
function pathCheck(urls: readonly (string | undefined)[]): (path: string) => boolean {
  const patterns = urls.flatMap((url) => {
    const found = url === undefined ? undefined : pathOfUrlTemplate(url);
    return found === undefined ? [] : templatePattern(found.text === '' ? '/' : found.text, { ...found, isPath: true });
  });
  return (path) => patterns.some((pattern) => pattern.match(path) !== undefined);
}

/** Redirect the owner back at once, with a code or a refusal. */
function authorize(
  { spec, configured, context }: OAuthOptions,
  consents: Map<string, Consent>,
  { query }: ProviderRequest,
  denies: boolean,
): ProviderAnswer {
  const asked = Object.fromEntries(query);
  const { redirect_uri: redirectUri = '', state = '', code_challenge: challenge } = asked;
  if (asked['client_id'] !== configured.oauth2?.['client_id'])
    return badRequest('invalid_client', 'the client is not known');
  if (!URL.canParse(redirectUri)) return badRequest('invalid_request', 'redirect_uri is not a URL');
  if (asked['response_type'] !== 'code') return badRequest('unsupported_response_type', 'expected response_type=code');
  if (challenge !== undefined && asked['code_challenge_method'] !== 'S256')
    return badRequest('invalid_request', 'expected code_challenge_method=S256');
  const back = new URL(redirectUri);
  back.searchParams.set('state', state);
  if (denies) back.searchParams.set('error', 'access_denied');
  else {
    const code = `code-${createHash('sha256').update(`${consents.size} ${state}`).digest('hex').slice(0, 24)}`;
    consents.set(code, { redirectUri, challenge, family: undefined });
    back.searchParams.set('code', code);
    for (const [name, value] of capturedParameters(spec.oauth2?.capture ?? {}, context))
      back.searchParams.set(name, value);
  }
  return { status: 302, headers: { location: back.href }, body: undefined };
}

function exchange(
  options: OAuthOptions,
  consents: Map<string, Consent>,
  kinds: readonly TokenKind[],
  request: ProviderRequest,
): ProviderAnswer {
  const form = request.form.length > 0 ? Object.fromEntries(request.form) : textsIn(request.json);
  const kind = kinds.find((one) => one === kindOf(form, request));
  if (kind === undefined) return badRequest('unsupported_grant_type', 'the definition has no such grant');
  const fault = clientFault(options, kind, form, request);
  if (fault !== undefined) return errorAnswer(401, 'invalid_client', fault);
  const issued = issue(options, consents, kind, form);
  if (typeof issued === 'string') return badRequest('invalid_grant', issued);
  return jsonAnswer(tokenBody(options.spec, kind, issued, options.context, options.nowMs()));
}

function kindOf(form: Readonly<Record<string, string>>, { headers }: ProviderRequest): TokenKind {
  const { grant_type: grant } = form;
  if (grant === 'authorization_code' || grant === 'refresh_token') return 'oauth2';
  const isAsserted = form['assertion'] !== undefined || form['client_assertion'] !== undefined;
  const isBearer = grant === undefined && headers['authorization']?.startsWith('Bearer ') === true;
  return isAsserted || isBearer ? 'oauth2_jwt_bearer' : 'oauth2_client_credentials';
}

/** Why the token endpoint refuses the client. */
function clientFault(
  { spec, configured, nowMs }: OAuthOptions,
  kind: TokenKind,
  form: Readonly<Record<string, string>>,
  { headers }: ProviderRequest,
): string | undefined {
  if (kind === 'oauth2_jwt_bearer') {
    const bearer = headers['authorization']?.replace(/^Bearer /, '');
    const jwt = form['assertion'] ?? form['client_assertion'] ?? bearer ?? '';
    return assertionFault(jwt, spec.oauth2_jwt_bearer?.jwt.algorithm ?? '', nowMs());
  }
  const { client_id: id = '', client_secret: secret = '' } = configured[kind] ?? {};
  const encoded = [id, secret].map((text) => encodeURIComponent(text).replaceAll('%20', '+')).join(':');
  const isRight =
    spec[kind]?.client_auth === 'basic'
      ? headers['authorization'] === `Basic ${Buffer.from(encoded).toString('base64')}`
      : form['client_id'] === id && form['client_secret'] === secret;
  return isRight ? undefined : 'the client or its secret is wrong';
}

/** Why an assertion is refused. The signature is not checked, because the simulator has no public key. */
function assertionFault(jwt: string, algorithm: string, nowMs: number): string | undefined {
  const [header, claims] = jwt.split('.').map((part) => parsed(Buffer.from(part, 'base64url').toString()));
  if (jwt.split('.').length !== 3 || header === undefined || claims === undefined) return 'the assertion is not a JWT';
  if (header['alg'] !== algorithm) return `the assertion is not signed with ${algorithm}`;
  return Number(claims['exp']) * 1000 > nowMs ? undefined : 'the assertion has expired';
}

function issue(
  { spec, tokens, nowMs }: OAuthOptions,
  consents: Map<string, Consent>,
  kind: TokenKind,
  form: Readonly<Record<string, string>>,
): IssuedTokens | string {
  if (kind !== 'oauth2') return tokens.grant({ owner: kind, hasRefresh: false, expires: true }, nowMs());
  const mode = spec.oauth2?.refresh ?? 'rotating';
  if (form['grant_type'] === 'refresh_token') {
    const graceMs = durationMs(spec.oauth2?.grace ?? '0s') ?? 0;
    const terms = { rotates: mode === 'rotating' || mode === 'single-use', graceMs };
    return tokens.refresh(form['refresh_token'] ?? '', terms, nowMs()) ?? 'the refresh token has ended';
  }
  const consent = consents.get(form['code'] ?? '');
  if (consent === undefined) return 'the code is not known';
  if (consent.family !== undefined) {
    // A code that is used twice was stolen: its tokens end. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
    tokens.revoke(consent.family);
    return 'the code was used before';
  }
  if (consent.redirectUri !== form['redirect_uri']) return 'redirect_uri is not that of the consent';
  const challenge = createHash('sha256')
    .update(form['code_verifier'] ?? '')
    .digest('base64url');
  if (consent.challenge !== undefined && consent.challenge !== challenge) return 'code_verifier is wrong';
  const expires = mode !== 'none';
  const granted = tokens.grant({ owner: 'oauth2', hasRefresh: expires, expires }, nowMs());
  consent.family = granted.family;
  return granted;
}

/** Some providers take JSON instead of a form. */
function textsIn(json: unknown): Readonly<Record<string, string>> {
  const members = typeof json === 'object' && json !== null ? Object.entries(json) : [];
  return Object.fromEntries(members.map(([name, value]) => [name, String(value)]));
}

function badRequest(error: string, message: string): ProviderAnswer {
  return jsonAnswer({ error, error_description: message }, 400);
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
