import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';

/**
 * One file of an integration's `samples/`: a request as the provider sends it, without the signature and the signed
 * timestamp.
 *
 * @example { "headers": { "X-GitHub-Event": "issues" }, "body": { "action": "opened" } }
 */
const sampleSchema = z.strictObject({
  method: z.enum(['POST', 'GET']).default('POST'),
  headers: z.record(z.string(), z.string()).default({}),
  query: z.string().default(''),
  /** Text is sent unchanged; anything else as JSON. */
  body: z.unknown().optional(),
});

export interface Sample {
  readonly integration: string;
  /** File name without its extension. */
  readonly name: string;
  readonly request: WebhookRequest;
  /**
   * The expected events, without members that depend on the account or the clock; undefined if there is no file of
   * expected events.
   */
  readonly expected: readonly Readonly<Record<string, unknown>>[] | undefined;
}

/**
 * Read an integration's samples, in the order of their names.
 *
 * @throws {Error} when a file is not a sample.
 */
export function readSamples(root: URL | string, integration: string): readonly Sample[] {
  const home = join(typeof root === 'string' ? root : fileURLToPath(root), integration);
  const folder = join(home, 'samples');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({
      integration,
      name: basename(file, '.json'),
      request: toRequest(
        readFileSync(join(folder, file), 'utf8'),
        integration,
        `integrations/${integration}/samples/${file}`,
      ),
      expected: readExpected(join(home, 'expected', file)),
    }));
}

function readExpected(file: string): Sample['expected'] {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function toRequest(text: string, integration: string, file: string): WebhookRequest {
  const parsed = sampleSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
  const { method, headers, query, body } = parsed.data;
  const isText = typeof body === 'string';
  return {
    method,
    url: `https://hooks.example.com/in/${integration}${query === '' ? '' : `?${query}`}`,
    path: '/',
    query,
    headers: {
      ...(isText ? {} : { 'content-type': 'application/json' }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    },
    body: Buffer.from(body === undefined ? '' : isText ? body : JSON.stringify(body)),
  };
}
