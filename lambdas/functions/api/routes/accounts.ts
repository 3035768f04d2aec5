import type { accountOperations } from '../../../engine/api/operations/account-operations.ts';

import { ownSecretNames, type SecretsFault, webhookUrl } from '../../../flows/accounts/account-secrets.ts';
import type { ClaimRefusal } from '../../../flows/accounts/claim-contexts.ts';
import { createAccount } from '../../../flows/accounts/create-account.ts';
import { deleteAccount } from '../../../flows/accounts/delete-account.ts';
import { listByMetadata } from '../../../flows/accounts/list-by-metadata.ts';
import { listCollisions } from '../../../flows/accounts/list-collisions.ts';
import { updateAccount } from '../../../flows/accounts/update-account.ts';
import type { Account, Capture } from '../../../ports/accounts/account-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import { type AnyCall, bodyProblem, type Handlers } from '../pipeline/api-call.ts';
import { erasing } from '../pipeline/ownership.ts';
import { mayAccess, notFound, tenantOf } from '../pipeline/principal.ts';
import { quotaExceeded } from '../pipeline/quota-problem.ts';

/** What an account, or the settings of an integration, wait for; nothing once it has come. */
export function captureView(waiting: Capture | undefined) {
  if (waiting === undefined || waiting.secrets.length === 0) return {};
  const expiresAt = new Date(waiting.expiresAtEpochSeconds * 1000).toISOString();
  return { capture: { secrets: [...waiting.secrets], expires_at: expiresAt } };
}

/** The 422 for secrets that do not fit the integration. */
export function secretsProblem(fault: SecretsFault): ProblemError {
  return new ProblemError({ status: 422, detail: secretsDetail(fault) });
}

/** The problem for a value of the routing context that the account may not have. It never says whose the value is. */
function claimProblem(refusal: ClaimRefusal): ProblemError {
  const { kind, accountContext } = refusal;
  switch (refusal.kind) {
    case 'too-many-values':
      return bodyProblem(`context.${accountContext}`, `expected at most ${refusal.most} values`);
    case 'context-claimed':
      return claimRefused(
        409,
        kind,
        `Another tenant owns the value ${JSON.stringify(refusal.value)} of ${accountContext}, by which webhooks of the shared URL find their account.`,
      );
    case 'context-accounts':
      return claimRefused(
        409,
        kind,
        `The value ${JSON.stringify(refusal.value)} of ${accountContext} has as many accounts as it may have. Delete one, or take the value out of its context, first.`,
      );
    case 'claim-needs-operator':
      return claimRefused(
        403,
        kind,
        `${accountContext} routes webhooks of the shared URL, and no account of your tenant has the value ${JSON.stringify(refusal.value)}. A key for all tenants has to create or change the account, which claims the value for your tenant.`,
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
      return `No handshake of the integration brings ${fault.got.join(', ')}; those of this one bring ${fault.captured.join(', ') || 'none'}.`;
    case 'unusable-secret':
      return `The secret ${fault.name} cannot be used: expected ${fault.expected}.`;
  }
}

/** A URL may carry the token that is verified: it is shown to callers that may read the account, and nowhere else. */
export function withoutQuery<View extends { readonly webhook_url: string }>(view: View): View {
  return { ...view, webhook_url: view.webhook_url.split('?')[0] as string };
}

/** An account without its URL, which may carry a token. */
export function plainAccountView(account: Account) {
  return {
    id: account.id,
    tenant: account.tenant,
    integration: account.integration,
    name: account.name ?? null,
    metadata: account.metadata ?? {},
    context: account.context,
    secret_names: ownSecretNames(account.secrets),
    ...captureView(account.capture),
    created_at: account.createdAt,
  };
}

/** Accounts: created, changed, listed, read and deleted. Secrets go in and never come out. */
export function accountHandlers(ports: ApiPorts): Handlers<keyof typeof accountOperations> {
  const view = async (account: Account) => ({
    ...plainAccountView(account),
    webhook_url: webhookUrl(
      await ports.integrations.get(account.integration),
      `${ports.publicUrl}/in/${account.integration}/${account.id}`,
      account.secrets,
    ),
  });
  async function find({ params, principal }: AnyCall): Promise<Account> {
    const account = await ports.accounts.find(params['id'] ?? '');
    if (account === undefined || !mayAccess(principal, account.tenant)) throw notFound('account');
    return account;
  }
  const objectOf = ({ id }: Account) => `accounts/${id}`;

  return {
    async createAccount({ body, principal, stableId }) {
      const tenant = tenantOf(principal, body.tenant);
      if (tenant === null)
        throw new ProblemError({ status: 422, detail: 'A key for all tenants must name one: "tenant".' });
      const id = body.id ?? (stableId === undefined ? undefined : `acc_${stableId}`);
      const mayClaim = principal.tenant === null;
      const creation = await createAccount(ports, { ...body, id, tenant, mayClaim });
      switch (creation.kind) {
        case 'created': {
          const { account } = creation;
          const after = await view(account);
          return {
            status: 201,
            body: after,
            change: { object: objectOf(account), tenant, before: null, after: withoutQuery(after) },
          };
        }
        case 'exists': {
          // Made by an earlier try of the same request, which was cut off.
          const made = body.id === undefined && id !== undefined ? await ports.accounts.find(id) : undefined;
          if (made?.tenant === tenant) return { status: 201, body: await view(made) };
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
    },
    async listAccounts({ query, principal, cursors }) {
      const page = await listByMetadata(
        (limit, after) => ports.accounts.list(principal.tenant ?? undefined, limit, after),
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
    getAccount: async (call) => ({ status: 200, body: await view(await find(call)) }),
    async updateAccount(call) {
      const account = await find(call);
      const mayClaim = call.principal.tenant === null;
      const update = await updateAccount(ports, account.id, { ...call.body, mayClaim });
      switch (update.kind) {
        case 'updated': {
          const after = await view(update.account);
          return {
            status: 200,
            body: after,
            change: {
              object: objectOf(account),
              tenant: account.tenant,
              before: withoutQuery(await view(account)),
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
    },
    async deleteAccount(call) {
      const account = await find(call);
      const { kind } = await deleteAccount(ports, account);
      if (kind === 'tenant-erasing') throw erasing();
      return {
        status: 204,
        body: undefined,
        change: {
          object: objectOf(account),
          tenant: account.tenant,
          before: withoutQuery(await view(account)),
          after: null,
        },
      };
    },
  };
}
