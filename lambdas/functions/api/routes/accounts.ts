import type { accountOperations } from '../../../engine/api/operations/account-operations.ts';

import { ownSecretNames, type SecretsFault, webhookUrl } from '../../../flows/accounts/account-secrets.ts';
import type { ClaimRefusal } from '../../../flows/accounts/claim-contexts.ts';
import { createAccount } from '../../../flows/accounts/create-account.ts';
import { deleteAccount } from '../../../flows/accounts/delete-account.ts';
import { listByMetadata } from '../../../flows/accounts/list-by-metadata.ts';
import { listCollisions } from '../../../flows/accounts/list-collisions.ts';
import { updateAccount } from '../../../flows/accounts/update-account.ts';
import { applySyncsSetting } from '../../../flows/sync/follow-account.ts';
import type { Account, Capture } from '../../../ports/accounts/account-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import { type AnyCall, type ApiAnswer, type ApiCall, bodyProblem, type Handlers } from '../pipeline/api-call.ts';
import { erasing } from '../pipeline/ownership.ts';
import { mayAccess, notFound, tenantOf } from '../pipeline/principal.ts';
import { quotaExceeded } from '../pipeline/quota-problem.ts';
import { credentialsView, storeTried, tryChangedCredentials, tryNewCredentials } from './account-credentials.ts';

/** The secrets that an account, or the settings of an integration, wait for; empty once all have arrived. */
export function captureView(waiting: Capture | undefined) {
  if (waiting === undefined || waiting.secrets.length === 0) return {};
  const expiresAt = new Date(waiting.expiresAtEpochSeconds * 1000).toISOString();
  return { capture: { secrets: [...waiting.secrets], expires_at: expiresAt } };
}

/** The 422 for secrets that do not fit the integration. */
export function secretsProblem(fault: SecretsFault): ProblemError {
  return new ProblemError({ status: 422, detail: secretsDetail(fault) });
}

/** The problem for a context value that the account may not claim. It never names the tenant that owns the value. */
function claimProblem(refusal: ClaimRefusal): ProblemError {
  const { kind, accountContext } = refusal;
  switch (refusal.kind) {
    case 'too-many-values':
      return bodyProblem(`context.${accountContext}`, `expected at most ${refusal.most} values`);
    case 'context-claimed':
      return claimRefused(
        409,
        kind,
        `Another tenant owns the value ${JSON.stringify(refusal.value)} of ${accountContext}, which routes webhooks of the shared URL to accounts.`,
      );
    case 'context-accounts':
      return claimRefused(
        409,
        kind,
        `The value ${JSON.stringify(refusal.value)} of ${accountContext} has reached its limit of accounts. First delete one, or remove the value from its context.`,
      );
    case 'claim-needs-operator':
      return claimRefused(
        403,
        kind,
        `${accountContext} routes webhooks of the shared URL, and no account of your tenant has the value ${JSON.stringify(refusal.value)}. A key for all tenants must create or change the account, which claims the value for your tenant.`,
      );
  }
}

function claimRefused(status: 403 | 409, reason: string, detail: string): ProblemError {
  return new ProblemError({ status, detail, extensions: { reason } });
}

function secretsDetail(fault: SecretsFault): string {
  switch (fault.kind) {
    case 'undeclared-secrets':
      return `The integration declares no secret ${fault.got.join(', ')}; it declares ${fault.declared.join(', ') || 'none'}.`;
    case 'not-captured':
      return `No handshake of the integration delivers ${fault.got.join(', ')}; its handshakes deliver ${fault.captured.join(', ') || 'none'}.`;
    case 'unusable-secret':
      return `The secret ${fault.name} cannot be used: expected ${fault.expected}.`;
  }
}

/** Remove the query, which may hold a verification token. Only callers that may read the account see the whole URL. */
export function withoutQuery<View extends { readonly webhook_url: string }>(view: View): View {
  return { ...view, webhook_url: view.webhook_url.split('?')[0] as string };
}

/** An account without its URL, which may hold a token. */
export function plainAccountView(account: Account) {
  return {
    id: account.id,
    tenant: account.tenant,
    integration: account.integration,
    name: account.name ?? null,
    metadata: account.metadata ?? {},
    context: account.context,
    secret_names: ownSecretNames(account.secrets),
    base_url: account.baseUrl ?? null,
    share: account.share ?? 1,
    syncs: account.syncs ?? ('on' as const),
    allowed_ranges: account.allowedRanges ?? [],
    ...captureView(account.capture),
    created_at: account.createdAt,
  };
}

const objectOf = ({ id }: Account) => `accounts/${id}`;

async function accountView(ports: ApiPorts, account: Account) {
  const definition = await ports.integrations.get(account.integration);
  const credentials =
    account.credentialKind === undefined ? undefined : await ports.provider.credentials.get(account.id, 0);
  return {
    ...plainAccountView(account),
    ...credentialsView(definition, account, credentials),
    webhook_url: webhookUrl(definition, `${ports.ingressUrl}/in/${account.integration}/${account.id}`, account.secrets),
  };
}

/** @throws {ProblemError} 404 for an account that does not exist, or belongs to another tenant. */
export async function findAccount(
  ports: ApiPorts,
  { params, principal }: Pick<AnyCall, 'params' | 'principal'>,
): Promise<Account> {
  const account = await ports.accounts.find(params['id'] ?? '');
  if (account === undefined || !mayAccess(principal, account.tenant)) throw notFound('account');
  return account;
}

async function handleCreateAccount(
  ports: ApiPorts,
  { body, principal, stableId }: ApiCall<'createAccount'>,
): Promise<ApiAnswer<'createAccount'>> {
  const tenant = tenantOf(principal, body.tenant);
  if (tenant === null)
    throw new ProblemError({ status: 422, detail: 'A key for all tenants must name one: "tenant".' });
  const id = body.id ?? `acc_${stableId ?? ports.randomness.bytes(12).toString('hex')}`;
  const mayClaim = principal.tenant === null;
  const credentials = await tryNewCredentials(ports, { ...body, id, tenant });
  const creation = await createAccount(ports, {
    ...body,
    id,
    tenant,
    mayClaim,
    baseUrl: body.base_url,
    allowedRanges: body.allowed_ranges,
    createdAt: credentials?.stored.incarnation,
    credentialKind: credentials?.stored.kind,
  });
  switch (creation.kind) {
    case 'created': {
      const { account } = creation;
      if (credentials !== undefined) await storeTried(ports, account, credentials);
      const after = await accountView(ports, account);
      return {
        status: 201,
        body: after,
        change: { object: objectOf(account), tenant, before: null, after: withoutQuery(after) },
      };
    }
    case 'exists': {
      // An earlier try of this request created it before its run was cut off.
      const made = body.id === undefined ? await ports.accounts.find(id) : undefined;
      if (made?.tenant === tenant) return { status: 201, body: await accountView(ports, made) };
      throw new ProblemError({ status: 409, detail: 'An account with this id exists.' });
    }
    case 'unknown-integration':
      throw new ProblemError({ status: 422, detail: `There is no integration "${body.integration}".` });
    case 'tenant-erasing':
      throw erasing();
    case 'quota-exceeded':
      throw quotaExceeded(creation);
    case 'context-claimed':
    case 'context-accounts':
    case 'claim-needs-operator':
    case 'too-many-values':
      throw claimProblem(creation);
    default:
      throw secretsProblem(creation);
  }
}

async function handleUpdateAccount(
  ports: ApiPorts,
  call: ApiCall<'updateAccount'>,
): Promise<ApiAnswer<'updateAccount'>> {
  const account = await findAccount(ports, call);
  const mayClaim = call.principal.tenant === null;
  const { base_url: baseUrl, allowed_ranges: allowedRanges, credentials: given, ...change } = call.body;
  const credentials = await tryChangedCredentials(ports, account, call.body);
  const definition = await ports.integrations.get(account.integration);
  const before = withoutQuery(await accountView(ports, account));
  const update = await updateAccount(ports, account.id, {
    ...change,
    baseUrl,
    allowedRanges,
    mayClaim,
    credentialKind: given === null ? null : credentials?.stored.kind,
  });
  switch (update.kind) {
    case 'updated': {
      if (given === null) await ports.provider.credentials.remove(account.id);
      if (credentials !== undefined) await storeTried(ports, update.account, credentials);
      if (change.syncs !== undefined && definition !== undefined)
        await applySyncsSetting(ports, update.account, definition);
      const after = await accountView(ports, update.account);
      return {
        status: 200,
        body: after,
        change: {
          object: objectOf(account),
          tenant: account.tenant,
          before,
          after: withoutQuery(after),
        },
      };
    }
    case 'unknown-account':
      throw notFound('account');
    case 'unknown-integration':
      throw new ProblemError({ status: 422, detail: `There is no integration "${account.integration}".` });
    case 'context-claimed':
    case 'context-accounts':
    case 'claim-needs-operator':
    case 'too-many-values':
      throw claimProblem(update);
    default:
      throw secretsProblem(update);
  }
}

/** Accounts. The API accepts their secrets and never returns them. */
export function accountHandlers(ports: ApiPorts): Handlers<keyof typeof accountOperations> {
  const view = async (account: Account) => accountView(ports, account);
  return {
    createAccount: async (call) => handleCreateAccount(ports, call),
    async listAccounts({ query, principal, cursors }) {
      const tenant = tenantOf(principal, query.tenant) ?? undefined;
      const page = await listByMetadata(
        (limit, after) => ports.accounts.list(tenant, limit, after),
        query,
        await cursors.after(),
      );
      return {
        status: 200,
        body: { data: await Promise.all(page.items.map(view)), next_cursor: await cursors.next(page.next) },
      };
    },
    async listContextCollisions({ query, cursors }) {
      const page = await listCollisions(ports, query.limit, await cursors.after());
      return { status: 200, body: { data: page.items, next_cursor: await cursors.next(page.next) } };
    },
    getAccount: async (call) => ({ status: 200, body: await view(await findAccount(ports, call)) }),
    updateAccount: async (call) => handleUpdateAccount(ports, call),
    async deleteAccount(call) {
      const account = await findAccount(ports, call);
      // The deletion removes the credentials, which the view tells of.
      const before = withoutQuery(await view(account));
      const { kind } = await deleteAccount({ ...ports, credentials: ports.provider.credentials }, account);
      if (kind === 'tenant-erasing') throw erasing();
      return {
        status: 204,
        body: undefined,
        change: {
          object: objectOf(account),
          tenant: account.tenant,
          before,
          after: null,
        },
      };
    },
  };
}
