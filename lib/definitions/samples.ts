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
 * @param overlay - A folder in the integration's folder whose samples and expected events replace those of the same
 *   name. @default none
 * @throws {Error} when a file is not a sample.
 */
export function readSamples(root: URL | string, integration: string, overlay?: string): readonly Sample[] {
  const home = join(typeof root === 'string' ? root : fileURLToPath(root), integration);
  const places = overlay === undefined ? [''] : [overlay, ''];
  /** The first of the places that has a file. */
  const placeOf = (folder: string, file: string) =>
    places.find((place) => existsSync(join(home, place, folder, file))) ?? '';
  const files = places.flatMap((place) => {
    const folder = join(home, place, 'samples');
    return existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.json')) : [];
  });
  return [...new Set(files)].sort().map((file) => {
    const path = join(placeOf('samples', file), 'samples', file);
    return {
      integration,
      name: basename(file, '.json'),
      request: toRequest(readFileSync(join(home, path), 'utf8'), integration, `integrations/${integration}/${path}`),
      expected: readExpected(join(home, placeOf('expected', file), 'expected', file)),
    };
  });
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
