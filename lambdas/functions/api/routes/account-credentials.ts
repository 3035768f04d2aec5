import type { Definition } from '../../../engine/definition/schema.ts';
import type { CredentialValues } from '../../../engine/provider/credentials/credential-values.ts';
import { type CredentialFault, contextFaults, readCredentials } from '../../../flows/accounts/read-credentials.ts';
import { storeCredentials } from '../../../flows/accounts/store-credentials.ts';
import { toCaller } from '../../../flows/provider/provider-ports.ts';
import { belongsTo } from '../../../flows/provider/sealed-credentials.ts';
import { testCredentials } from '../../../flows/provider/test-credentials.ts';
import type { Account } from '../../../ports/accounts/account-store.ts';
import type { StoredCredentials } from '../../../ports/provider/credential-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';

/** The 422 for members that do not fit the integration. */
function faultsProblem(errors: readonly CredentialFault[]): ProblemError {
  return new ProblemError({ status: 422, detail: 'The body is not valid for this route.', extensions: { errors } });
}

/** Credentials that the provider takes, or that it did not refuse. */
export interface TriedCredentials {
  readonly definition: Definition;
  readonly stored: StoredCredentials;
}

interface NewAccount {
  readonly id: string;
  readonly tenant: string;
  readonly integration: string;
  readonly context: Account['context'];
  readonly base_url?: string | undefined;
  readonly share?: number | undefined;
  readonly credentials?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Check the credentials of an account that does not exist yet, and try them. Whoever may not create it learns nothing:
 * the account is created after, under the usual rules.
 *
 * @returns Undefined where the request has none.
 * @throws {ProblemError} 422 for members that do not fit, and for credentials that the provider refuses.
 */
export async function tryNewCredentials(ports: ApiPorts, request: NewAccount): Promise<TriedCredentials | undefined> {
  await refuseBaseUrl(ports, request.base_url);
  const { credentials } = request;
  if (credentials === undefined) return undefined;
  const definition = await ports.integrations.get(request.integration);
  if (definition === undefined) return undefined;
  const { id, tenant, integration, context, base_url: baseUrl, share } = request;
  return tryFor(ports, definition, credentials, {
    id,
    tenant,
    integration,
    secrets: {},
    context,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(share === undefined ? {} : { share }),
    createdAt: new Date(ports.clock.nowMs()).toISOString(),
    revision: 1,
  });
}

/** The same for an account that changes. */
export async function tryChangedCredentials(
  ports: ApiPorts,
  account: Account,
  change: {
    readonly credentials?: Readonly<Record<string, unknown>> | null | undefined;
    readonly context?: Account['context'] | undefined;
    readonly base_url?: string | null | undefined;
  },
): Promise<TriedCredentials | undefined> {
  const { credentials, context = account.context, base_url: baseUrl } = change;
  await refuseBaseUrl(ports, baseUrl ?? undefined);
  if (credentials === undefined || credentials === null) return undefined;
  const definition = await ports.integrations.get(account.integration);
  if (definition === undefined) return undefined;
  const { baseUrl: former, ...rest } = account;
  const own = baseUrl === undefined ? former : (baseUrl ?? undefined);
  return tryFor(ports, definition, credentials, { ...rest, context, ...(own === undefined ? {} : { baseUrl: own }) });
}

async function tryFor(
  ports: ApiPorts,
  definition: Definition,
  given: Readonly<Record<string, unknown>>,
  draft: Account,
): Promise<TriedCredentials> {
  const values = readValues(definition, draft, given);
  const test = await testCredentials(ports.provider, toCaller(draft, definition), values);
  if (test.kind === 'usable') return { definition, stored: test.stored };
  throw new ProblemError({
    status: 422,
    detail: `The provider refuses the credentials: ${test.reason}.`,
    extensions: { reason: 'credentials-refused' },
  });
}

/** @throws {ProblemError} 422 for an address that the egress policy forbids. */
async function refuseBaseUrl(ports: ApiPorts, baseUrl: string | undefined): Promise<void> {
  const refusal = baseUrl === undefined ? undefined : await ports.egress.refusalOf(baseUrl);
  if (refusal !== undefined) throw faultsProblem([{ path: 'base_url', message: refusal }]);
}

/** Store credentials that were tried, and start the reads and syncs that wait for them. */
export async function storeTried(
  ports: ApiPorts,
  account: Account,
  { definition, stored }: TriedCredentials,
): Promise<void> {
  const { revision: _, generation: __, ...next } = stored;
  const { fetches, enrichQueue, clock, syncs, pollQueue, provider } = ports;
  await storeCredentials(
    { fetches, enrichQueue, clock, syncs, pollQueue, credentials: provider.credentials },
    definition,
    account,
    next,
  );
}

function readValues(
  definition: Definition,
  draft: Account,
  given: Readonly<Record<string, unknown>>,
): CredentialValues {
  const read = readCredentials(definition, given);
  const lacking = definition.api === undefined ? [] : contextFaults(definition, draft.context);
  const faults = [...(read.kind === 'faults' ? read.faults : []), ...lacking];
  if (read.kind === 'faults' || faults.length > 0) throw faultsProblem(faults);
  return read.values;
}

/** What answers show of an account's credentials: never a value. */
export function credentialsView(
  definition: Definition | undefined,
  account: Account,
  stored: StoredCredentials | undefined,
) {
  const own = stored !== undefined && belongsTo(stored, account) ? stored : undefined;
  const failed = own?.failed;
  const isDisconnected = definition?.api !== undefined && own === undefined;
  return {
    credentials:
      own === undefined
        ? null
        : {
            type: own.kind,
            expires_at: isoOrNull(own.expiresAtMs),
            updated_at: new Date(own.updatedAtMs).toISOString(),
          },
    status:
      failed !== undefined
        ? ('auth_failed' as const)
        : isDisconnected
          ? ('disconnected' as const)
          : ('active' as const),
    status_reason: failed?.reason ?? null,
    status_since: isoOrNull(failed?.sinceMs),
  };
}

function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
