import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { secretNames } from '../../../lambdas/engine/definition/checks-within.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import type { SecretValues, WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { UnusableInput } from '../command.ts';
import { nearestName, suggestion } from '../explain/nearest-name.ts';

const headerValue = z.union([z.string(), z.number()]).transform(String);

const requestSchema = z.looseObject({
  method: z.string().min(1).default('POST'),
  url: z.string().nullish(),
  headers: z.record(z.string(), z.union([headerValue, z.array(headerValue)])).nullish(),
  body: z.string('expected a string: JSON too, exactly as it was sent').nullish(),
  body_base64: z.base64().nullish(),
  source_ip: z.union([z.ipv4(), z.ipv6()], 'expected an IPv4 or IPv6 address').nullish(),
});

/** Read the request of a file, with the defaults of a webhook. */
export function readRequest(file: string, integration: string): WebhookRequest {
  const raw = readJson(file);
  const parsed = requestSchema.safeParse(raw);
  if (!parsed.success) throw new UnusableInput(`${file} is not a request.\n${z.prettifyError(parsed.error)}`);
  const known = Object.keys(requestSchema.shape);
  for (const name of Object.keys(parsed.data)) {
    const meant = known.includes(name) ? undefined : nearestName(name, known);
    if (meant !== undefined) throw new UnusableInput(`${file}: got the key "${name}". Did you mean "${meant}"?`);
  }
  const { method, headers, body, body_base64: base64, source_ip: sourceIp } = parsed.data;
  if (body != null && base64 != null)
    throw new UnusableInput(`${file} has both "body" and "body_base64", expected one of them.`);
  const url = parsed.data.url ?? `https://example.com/in/${integration}`;
  // Not parsed: parsing normalizes a URL, and the URL may be part of the signed message.
  const [, path = '', query = ''] = /^https?:\/\/[^/?#]+([^?#]*)(?:\?([^#]*))?/i.exec(url) ?? [];
  if (!/^https?:/i.test(url) || !URL.canParse(url))
    throw new UnusableInput(`${file}: got the url "${url}", expected an absolute http or https URL, or null.`);
  return {
    method: method.toUpperCase(),
    url,
    path: path === '' ? '/' : path,
    query,
    headers: joinHeaders(headers ?? {}),
    body: base64 == null ? Buffer.from(body ?? '') : Buffer.from(base64, 'base64'),
    ...(sourceIp == null ? {} : { sourceIp }),
  };
}

/** Lower-case names; repeated headers joined by a comma, as API Gateway does. */
function joinHeaders(headers: Readonly<Record<string, string | readonly string[]>>): Readonly<Record<string, string>> {
  const joined = new Map<string, string>();
  for (const [written, value] of Object.entries(headers)) {
    const name = written.toLowerCase();
    for (const one of [value].flat()) joined.set(name, joined.has(name) ? `${joined.get(name)},${one}` : one);
  }
  return Object.fromEntries(joined);
}

const secretsSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

/** Read the secrets of a file; their names must be those that the definition declares. */
export function readSecrets(file: string, definition: Definition): SecretValues {
  const parsed = secretsSchema.safeParse(readJson(file));
  if (!parsed.success) {
    // Only the places: the issues' messages would repeat the secrets.
    const places = parsed.error.issues.map(({ path }) => (path.length === 0 ? 'the file' : `"${path.join('.')}"`));
    throw new UnusableInput(
      `${file} holds no valid secrets: ${places.join(', ')} must be {"<name>": "<value>" or ["<value>", …]}.`,
    );
  }
  const names = secretNames(definition);
  for (const name of Object.keys(parsed.data))
    if (!names.includes(name))
      throw new UnusableInput(
        `${file}: "${definition.name}" declares no secret "${name}"; it declares ${names.join(', ') || 'none'}.${suggestion(name, names)}`,
      );
  return parsed.data;
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UnusableInput(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}.`);
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw new UnusableInput(`${file} is not JSON.`);
  }
}
