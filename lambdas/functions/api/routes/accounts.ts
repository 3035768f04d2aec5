import { z } from 'zod';
import { type SecretsFault, webhookUrl } from '../../../flows/account-secrets.ts';
import { createAccount } from '../../../flows/create-account.ts';
import { updateAccount } from '../../../flows/update-account.ts';
import type { Account, Capture } from '../../../ports/account-store.ts';
import { ProblemError } from '../../answer-problems.ts';
import {
  type ApiRoute,
  decodeCursor,
  encodeCursor,
  identifier,
  jsonBytes,
  listQuery,
  readBody,
  readQuery,
  secretValue,
  secretValues,
  tenantName,
} from '../api-call.ts';
import type { ApiPorts } from '../api-ports.ts';
import { mayAccess, notFound, tenantOf } from '../principal.ts';

/** A context is for names and ids that a provider knows the tenant by. */
const maxContextBytes = 16 * 1024;

const context = z
  .record(z.string(), z.unknown())
  .refine((value) => jsonBytes(value) <= maxContextBytes, `expected at most ${maxContextBytes} bytes of JSON`);

const capture = z.strictObject({
  secrets: z.array(z.string().min(1).max(64)).min(1).max(10),
  expires_in_seconds: z
    .int()
    .min(60)
    .max(7 * 86_400)
    .default(86_400),
});

/** The wish to wait for secrets, as flows take it. */
export const captureRequest = capture.transform(({ secrets, expires_in_seconds: expiresInSeconds }) => ({
  secrets,
  expiresInSeconds,
}));

const accountBody = z.strictObject({
  id: identifier.optional(),
  tenant: tenantName.optional(),
  integration: z.string().min(1).max(64),
  secrets: secretValues,
  credentials: z
    .record(z.string(), z.unknown())
    .default({})
    .refine((credentials) => Object.keys(credentials).length === 0, 'this integration takes no credentials'),
  context: context.default({}),
  capture: captureRequest.optional(),
});

const accountPatch = z.strictObject({
  secrets: z.record(z.string(), z.union([secretValue, z.null()])).optional(),
  context: context.optional(),
  capture: z.union([captureRequest, z.null()]).optional(),
});

const accountCursor = z.object({ account: identifier });

/** What an account, or the settings of an integration, wait for; nothing once it has come. */
export function captureView(waiting: Capture | undefined): object {
  if (waiting === undefined || waiting.secrets.length === 0) return {};
  const expiresAt = new Date(waiting.expiresAtEpochSeconds * 1000).toISOString();
  return { capture: { secrets: waiting.secrets, expires_at: expiresAt } };
}

/** The 422 for secrets that do not fit the integration. */
export function secretsProblem(fault: SecretsFault): ProblemError {
  return new ProblemError({ status: 422, detail: secretsDetail(fault) });
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

/** Accounts: created, changed, listed and read. Secrets go in and never come out. */
export function accountRoutes(ports: ApiPorts): readonly ApiRoute[] {
  const view = async (account: Account) => ({
    id: account.id,
    tenant: account.tenant,
    integration: account.integration,
    context: account.context,
    webhook_url: webhookUrl(
      await ports.integrations.get(account.integration),
      `${ports.publicUrl}/in/${account.integration}/${account.id}`,
      account.secrets,
    ),
    ...captureView(account.capture),
    created_at: account.createdAt,
  });
  return [
    {
      method: 'POST',
      path: '/v1/accounts',
      async handle(call) {
        const body = readBody(call, accountBody);
        const tenant = tenantOf(call.principal, body.tenant);
        if (tenant === null)
          throw new ProblemError({ status: 422, detail: 'A key for all tenants must name one: "tenant".' });
        const creation = await createAccount(ports, { ...body, tenant });
        switch (creation.kind) {
          case 'created':
            return { status: 201, body: await view(creation.account) };
          case 'exists':
            throw new ProblemError({ status: 409, detail: 'An account with this id exists.' });
          case 'unknown-integration':
            throw new ProblemError({ status: 422, detail: `There is no integration "${body.integration}".` });
          default:
            throw secretsProblem(creation);
        }
      },
    },
    {
      method: 'GET',
      path: '/v1/accounts',
      async handle(call) {
        const { limit, cursor } = readQuery(call, listQuery);
        const after = decodeCursor(cursor, accountCursor)?.account;
        const page = await ports.accounts.list(call.principal.tenant ?? undefined, limit, after);
        const next = page.next === undefined ? null : encodeCursor({ account: page.next });
        return { status: 200, body: { data: await Promise.all(page.items.map(view)), next_cursor: next } };
      },
    },
    {
      method: 'GET',
      path: '/v1/accounts/{id}',
      async handle({ params, principal }) {
        const account = await ports.accounts.find(params['id'] ?? '');
        if (account === undefined || !mayAccess(principal, account.tenant)) throw notFound('account');
        return { status: 200, body: await view(account) };
      },
    },
    {
      method: 'PATCH',
      path: '/v1/accounts/{id}',
      async handle(call) {
        const change = readBody(call, accountPatch);
        const id = call.params['id'] ?? '';
        const account = await ports.accounts.find(id);
        if (account === undefined || !mayAccess(call.principal, account.tenant)) throw notFound('account');
        const update = await updateAccount(ports, id, change);
        switch (update.kind) {
          case 'updated':
            return { status: 200, body: await view(update.account) };
          case 'unknown-account':
            throw notFound('account');
          case 'unknown-integration':
            throw new ProblemError({ status: 422, detail: `There is no integration "${account.integration}".` });
          default:
            throw secretsProblem(update);
        }
      },
    },
  ];
}
