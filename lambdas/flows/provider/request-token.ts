import { readTimeMs } from '../../engine/provider/answer/read-time.ts';
import {
  type CredentialValues,
  credentialTemplateValues,
} from '../../engine/provider/credentials/credential-values.ts';
import type { ReadToken } from '../../engine/provider/credentials/read-token.ts';
import { type OAuthClient, type TokenGrant, tokenRequest } from '../../engine/provider/credentials/token-request.ts';
import type { TokenSpec } from '../../engine/provider/language/credentials-schema.ts';
import type { CallValues } from '../../engine/provider/request/call-values.ts';
import { type Preparation, prepareCall } from '../../engine/provider/request/prepare-call.ts';
import type { ProviderPorts } from './provider-ports.ts';
import { apiOf, type Caller, expressionOwner } from './provider-ports.ts';

/** How a request for a token ended. */
export type TokenOutcome =
  | Extract<ReadToken, { kind: 'token' | 'dead' }>
  /** No token now; another try may bring one, not before the time that the provider tells (epoch milliseconds). */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly notBeforeMs?: number | undefined }
  /** The account, or the settings of the integration, lack something. */
  | { readonly kind: 'unusable'; readonly reason: string };

/** A refresher holds its lease for longer. */
export const tokenTimeoutMs = 15_000;
const maxTokenAnswerBytes = 256 * 1024;

/** Ask the provider for a token. The answer is read by declaration, because few providers answer as the standard says. */
export async function requestToken(
  ports: ProviderPorts,
  caller: Caller,
  values: CredentialValues,
  grant: TokenGrant,
  client: OAuthClient | undefined,
): Promise<TokenOutcome> {
  const spec = tokenSpecOf(caller, values.kind);
  if (spec === undefined) return { kind: 'unusable', reason: `credentials of the kind ${values.kind} have no token` };
  const prepared = await prepareTokenRequest(ports, caller, values, grant, client);
  if (prepared.kind === 'fault') return { kind: 'unusable', reason: prepared.message };
  const { call } = prepared;
  const answer = await ports.api.send({ ...call, timeoutMs: tokenTimeoutMs, maxAnswerBytes: maxTokenAnswerBytes });
  if (answer.kind === 'failed') return { kind: 'unavailable', reason: `the token endpoint: ${answer.error}` };
  const run = await ports.expressions.run(
    'readToken',
    {
      token: spec.token,
      dead: spec.dead,
      ...(spec.default_expiry === undefined ? {} : { defaultExpiry: spec.default_expiry }),
      answer: {
        status: answer.status,
        headers: answer.headers,
        text: answer.body.toString('utf8'),
        url: new URL(call.url).origin,
        receivedAtMs: ports.clock.nowMs(),
      },
    },
    expressionOwner(caller),
  );
  if (run.kind === 'died') return { kind: 'unavailable', reason: `the answer of the token endpoint: ${run.reason}` };
  // Only a consent can end; a login that is refused was wrong from the beginning, or the password has changed.
  const isRefusedLogin =
    run.result.kind === 'refused' && [400, 401, 403].includes(answer.status) && grant.kind !== 'refresh';
  if (isRefusedLogin) return { kind: 'dead', reason: run.result.reason };
  if (run.result.kind !== 'refused') return run.result;
  const notBeforeMs = readTimeMs(answer.headers['retry-after'], undefined, ports.clock.nowMs());
  return { kind: 'unavailable', reason: run.result.reason, notBeforeMs };
}

async function prepareTokenRequest(
  { clock }: ProviderPorts,
  caller: Caller,
  values: CredentialValues,
  grant: TokenGrant,
  client: OAuthClient | undefined,
): Promise<Preparation> {
  const { account, definition } = caller;
  const api = apiOf(caller);
  const { kind } = values;
  const templateValues: CallValues = {
    context: account.context,
    credential: credentialTemplateValues(values),
    // The vendor's client goes nowhere else: an account may name the host of a login.
    ...(client === undefined || kind !== 'oauth2'
      ? {}
      : { client: { client_id: client.clientId, client_secret: client.clientSecret } }),
  };
  if (kind === 'session') {
    const { session } = api.credentials;
    if (session === undefined) return { kind: 'fault', message: `${definition.name} has no login` };
    return prepareCall(api, session.request, { values: templateValues, baseUrl: account.baseUrl });
  }
  if (kind !== 'oauth2' && kind !== 'oauth2_client_credentials' && kind !== 'oauth2_jwt_bearer')
    return { kind: 'fault', message: `credentials of the kind ${kind} have no token` };
  const own = { clientId: values.members['client_id'] ?? '', clientSecret: values.members['client_secret'] ?? '' };
  const used = kind === 'oauth2' ? client : own;
  if (used === undefined)
    return {
      kind: 'fault',
      message: 'the settings of the integration have no OAuth client (PUT /v1/integrations/{integration}/settings)',
    };
  return tokenRequest(api.credentials, kind, grant, used, templateValues, clock.nowMs());
}

interface TokenAnswerSpec {
  readonly token: TokenSpec;
  readonly dead: string;
  readonly default_expiry?: string | undefined;
}

/** How the answer of a kind's token endpoint is read; undefined for kinds without one. */
export function tokenSpecOf(caller: Caller, kind: CredentialValues['kind']): TokenAnswerSpec | undefined {
  const spec = apiOf(caller).credentials[kind];
  return spec !== undefined && 'dead' in spec ? spec : undefined;
}

/** How a token is asked for without a person. @returns Undefined where only its owner can bring another. */
export function renewalOf({ kind, token }: CredentialValues): TokenGrant | undefined {
  if (kind === 'oauth2')
    return token?.refresh === undefined ? undefined : { kind: 'refresh', refreshToken: token.refresh };
  if (kind === 'oauth2_client_credentials' || kind === 'session') return { kind: 'client-credentials' };
  return kind === 'oauth2_jwt_bearer' ? { kind: 'assertion' } : undefined;
}
