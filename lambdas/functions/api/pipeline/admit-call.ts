import { holdsScope } from '../../../engine/access/scopes.ts';
import type { OperationShape } from '../../../engine/api/operation.ts';
import { type Identification, identifyCaller, type RefusedKey } from '../../../flows/access/identify-caller.ts';
import { limitCall } from '../../../flows/access/limit-call-rate.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import { type ApiRequest, type PipelineContext, sourceOf } from './api-request.ts';
import { identifyTokenClient, unknownClient } from './client-credentials.ts';
import { lacksScope, notKnown, type Principal } from './principal.ts';
import { rateLimitHeaders, refuseOverLimit } from './rate-limit.ts';

/** Longest id of an unknown key that is logged. A secret, which may arrive in its place, has 43 characters. */
const maxLoggedId = 32;

/** The principal of calls to public operations, which need no key. */
const anonymous: Principal = {
  keyId: '',
  tenant: '',
  scopes: [],
  tokenId: null,
  secret: undefined,
  endsAtMs: Number.POSITIVE_INFINITY,
  ratePerMinute: undefined,
};

/**
 * Identify the caller, apply its rate limits and check its rights. Sets the request's rate limit headers.
 *
 * @throws {ProblemError} 401 for unknown credentials; 429 over a rate limit; 403 without the scope, or for a tenant's
 *   key where the operation needs a key for all tenants.
 */
export async function admitCall(context: PipelineContext, request: ApiRequest): Promise<Principal> {
  const { shape } = request;
  if (shape.access === 'public') return anonymous;
  const principal = await authenticate(context, request);
  const standings = await limitCall(context.ports, principal, context.warn('rate limits could not be read'));
  Object.assign(request.headers, rateLimitHeaders(standings));
  refuseOverLimit(standings);
  authorize(shape, principal);
  return principal;
}

/** @throws {ProblemError} 401 for unknown credentials, after the refusal is counted, logged and audited. */
async function authenticate(context: PipelineContext, request: ApiRequest): Promise<Principal> {
  const { shape, event } = request;
  const isClient = shape.access === 'credentials';
  const identification = isClient
    ? await identifyTokenClient(context.ports, event)
    : await identifyCaller(context.ports, event.headers['authorization']);
  if (identification.kind === 'known') return identification.principal;
  await recordRefusal(context, request, identification);
  throw isClient ? unknownClient() : notKnown(identification);
}

async function recordRefusal(
  { log, outcomes, noteRefusal, warn }: PipelineContext,
  { id, event }: ApiRequest,
  refusal: Exclude<Identification, { kind: 'known' }>,
): Promise<void> {
  const source = sourceOf(event);
  const key = refusal.kind === 'no-credentials' ? undefined : refusal.key;
  log.warn('credentials refused', { operation: id, reason: refusal.kind, key: loggedId(key), ip: source.ip });
  if (refusal.kind === 'no-credentials') return;
  outcomes.count('credentials-refused');
  if (key === undefined) return;
  await noteRefusal({ key, reason: refusal.kind, operation: id, source }).catch(
    warn('a refusal could not be added to the audit log'),
  );
}

/** The id of a refused key, if it is safe to log: the key exists, or the id is too short to be a misplaced secret. */
function loggedId(key: RefusedKey | undefined): string | undefined {
  return key !== undefined && (key.tenant !== undefined || key.id.length <= maxLoggedId) ? key.id : undefined;
}

function authorize({ access, isForAllTenants }: OperationShape, { scopes, tenant }: Principal): void {
  if (access !== 'any-key' && access !== 'credentials' && access !== 'public' && !holdsScope(scopes, access))
    throw lacksScope(access);
  if (isForAllTenants === true && tenant !== null)
    throw new ProblemError({ status: 403, detail: 'Only a key for all tenants may call this operation.' });
}
