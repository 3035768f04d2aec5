import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { callMethods } from '../../lambdas/engine/definition/calls-of.ts';
import { resourceName } from '../../lambdas/engine/definition/resources-schema.ts';
import { meanings } from '../../lambdas/engine/provider/language/errors-schema.ts';

const operators = z.strictObject({
  eq: z.unknown().optional(),
  gt: z.unknown().optional(),
  gte: z.unknown().optional(),
  lt: z.unknown().optional(),
  lte: z.unknown().optional(),
});

const account = z.strictObject({
  context: z.record(z.string(), z.unknown()).default({}),
  base_url: z.string().optional(),
  /** `type` may be left out where the definition has one kind. */
  credentials: z.looseObject({ type: z.string().optional() }).optional(),
});

const exchange = z.strictObject({
  request: z.strictObject({
    method: z.string().default('GET'),
    url: z.string(),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.unknown().optional(),
  }),
  response: z.strictObject({
    status: z.int().default(200),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.unknown().optional(),
  }),
});

/**
 * One file of an integration's `exchanges/`: a call of a resource, the requests that it must send, the provider's
 * answers, and what must come of them.
 *
 * @example { "resource": "ticketing/tickets", "method": "get", "id": "7", "exchanges": [{ "request": {…}, "response": {…} }] }
 */
const exchangesSchema = z.strictObject({
  resource: resourceName.optional(),
  method: z.enum([...callMethods, 'test']),
  id: z.string().optional(),
  ids: z.array(z.string()).optional(),
  address: z.record(z.string(), z.unknown()).optional(),
  filter: z.record(z.string(), operators).optional(),
  since: z.string().optional(),
  until: z.string().optional(),
  body: z.unknown().optional(),
  account: account.prefault({}),
  exchanges: z.array(exchange).min(1),
  expected: z
    .strictObject({
      /** `fault`: the answer looks like a success, and is none: `expect` is false, or the record is missing. */
      means: z.enum([...meanings, 'fault']).optional(),
      records: z.array(z.record(z.string(), z.unknown())).optional(),
      /** How long the answer asks to wait. Not compared where it is left out, like `limit` and `limits`. */
      retry_after_ms: z.number().optional(),
      /** The limit that a `slow-down` used up. */
      limit: z.string().optional(),
      limits: z.array(z.record(z.string(), z.unknown())).optional(),
    })
    .optional(),
});

export type Exchanges = z.infer<typeof exchangesSchema> & { readonly name: string; readonly file: string };

/** Folder of an integration's exchanges. */
function exchangesFolder(root: string, integration: string): string {
  return join(root, integration, 'exchanges');
}

/** Read an integration's exchanges, in the order of their names. @throws {Error} when a file is not one. */
export function readExchanges(root: string, integration: string): readonly Exchanges[] {
  const folder = exchangesFolder(root, integration);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const name = `integrations/${integration}/exchanges/${file}`;
      let written: unknown;
      try {
        written = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
      }
      return parseExchanges(written, name, join(folder, file));
    });
}

/**
 * @param name - Of the file, for messages.
 * @param file - Its path.
 * @throws {Error} when the value is no exchange.
 */
export function parseExchanges(written: unknown, name: string, file: string): Exchanges {
  const parsed = exchangesSchema.safeParse(written);
  if (!parsed.success) throw new Error(`${name}: ${z.prettifyError(parsed.error)}`);
  return { ...parsed.data, name: basename(file, '.json'), file };
}
