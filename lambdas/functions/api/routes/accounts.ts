import { z } from 'zod';
import { createAccount } from '../../../flows/create-account.ts';
import type { Account } from '../../../ports/account-store.ts';
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
  secretValues,
  tenantName,
} from '../api-call.ts';
import type { ApiPorts } from '../api-ports.ts';
import { mayAccess, notFound, tenantOf } from '../principal.ts';

/** A context is for names and ids that a provider knows the tenant by. */
const maxContextBytes = 16 * 1024;

const accountBody = z.strictObject({
  id: identifier.optional(),
  tenant: tenantName.optional(),
  integration: z.string().min(1).max(64),
  secrets: secretValues,
  credentials: z
    .record(z.string(), z.unknown())
    .default({})
    .refine((credentials) => Object.keys(credentials).length === 0, 'this integration takes no credentials'),
  context: z
    .record(z.string(), z.unknown())
    .default({})
    .refine((context) => jsonBytes(context) <= maxContextBytes, `expected at most ${maxContextBytes} bytes of JSON`),
});

const accountCursor = z.object({ account: identifier });

/** Accounts: created, listed and read. Secrets go in and never come out. */
export function accountRoutes(ports: ApiPorts): readonly ApiRoute[] {
  const view = (account: Account) => ({
    id: account.id,
    tenant: account.tenant,
    integration: account.integration,
    context: account.context,
    webhook_url: `${ports.publicUrl}/in/${account.integration}/${account.id}`,
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
            return { status: 201, body: view(creation.account) };
          case 'exists':
            throw new ProblemError({ status: 409, detail: 'An account with this id exists.' });
          case 'unknown-integration':
            throw new ProblemError({ status: 422, detail: `There is no integration "${body.integration}".` });
          case 'undeclared-secrets':
            throw new ProblemError({
              status: 422,
              detail: `The integration declares no secret ${creation.got.join(', ')}; it declares ${creation.declared.join(', ')}.`,
            });
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
        return { status: 200, body: { data: page.items.map(view), next_cursor: next } };
      },
    },
    {
      method: 'GET',
      path: '/v1/accounts/{id}',
      async handle({ params, principal }) {
        const account = await ports.accounts.find(params['id'] ?? '');
        if (account === undefined || !mayAccess(principal, account.tenant)) throw notFound('account');
        return { status: 200, body: view(account) };
      },
    },
  ];
}
