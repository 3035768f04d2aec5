import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import {
  type AccessToken,
  type CredentialValues,
  membersOf,
} from '../../../lambdas/engine/provider/credentials/credential-values.ts';
import type { OAuthClient } from '../../../lambdas/engine/provider/credentials/token-request.ts';
import type { CredentialKind } from '../../../lambdas/engine/provider/language/credentials-schema.ts';
import { contextFaults, readCredentials } from '../../../lambdas/flows/accounts/read-credentials.ts';
import { readJsonSource } from '../../definitions/json-source.ts';
import { UnusableInput } from '../command.ts';
import { meantInstead } from '../explain/nearest-name.ts';

/** An account as a file says it, checked against its integration. */
export interface AccountFile {
  readonly context: Readonly<Record<string, unknown>>;
  readonly baseUrl: string | undefined;
  readonly credentials: CredentialValues;
  /** The vendor's OAuth client. */
  readonly client: OAuthClient | undefined;
}

const baseUrl = z.url({ protocol: /^https?$/, error: 'expected an http or https URL' });
const ignored = z.unknown().optional();
const text = z.string('expected a text').min(1, 'expected a text');
const schema = z.strictObject(
  {
    context: z.record(z.string(), z.unknown(), 'expected {"<name>": "<value>"}').default({}),
    credentials: z.record(z.string(), z.unknown(), 'expected {"type": "<kind>", …}').default({}),
    base_url: baseUrl.optional(),
    client: z
      .strictObject({ client_id: text, client_secret: text }, 'expected {"client_id": "…", "client_secret": "…"}')
      .optional(),
    // Further members of POST /v1/accounts, so that its body may be the file.
    id: ignored,
    tenant: ignored,
    integration: ignored,
    secrets: ignored,
    share: ignored,
    capture: ignored,
    name: ignored,
    metadata: ignored,
  },
  'expected {"context": {…}, "credentials": {…}}',
);
const ownMembers = ['context', 'credentials', 'base_url', 'client'];

/**
 * Read the file of an account.
 *
 * @throws {UnusableInput} with every fault; it quotes no value of the file.
 */
export function readAccountFile(definition: Definition, file: string | undefined): AccountFile {
  if (file === undefined)
    throw new UnusableInput(`Expected --account <account.json>, a file such as ${exampleAccount(definition)}.`);
  const parsed = schema.safeParse(readJson(file));
  if (!parsed.success) throw new UnusableInput(faultsOf(file, parsed.error.issues.flatMap(describeIssue), definition));
  const { context, credentials, base_url: ownUrl, client, integration } = parsed.data;
  if (integration !== undefined && integration !== definition.name)
    throw new UnusableInput(`${file} is an account of another integration than "${definition.name}".`);
  const read = readCredentials(definition, credentials);
  const faults = [
    ...contextFaults(definition, context).map(
      ({ path, message }) => `${path}: ${message}${meantContext(path.replace('context.', ''), context, definition)}`,
    ),
    ...(read.kind === 'faults'
      ? read.faults.map(({ path, message }) => `${path}: ${message}${meantMember(definition, credentials, path)}`)
      : []),
  ];
  if (faults.length > 0 || read.kind === 'faults') throw new UnusableInput(faultsOf(file, faults, definition));
  return {
    context,
    baseUrl: ownUrl,
    credentials: read.values,
    client: client === undefined ? undefined : { clientId: client.client_id, clientSecret: client.client_secret },
  };
}

/**
 * Store a token in the file: the former refresh token may not work again.
 *
 * @returns False if the file cannot be written.
 */
export function storeToken(file: string, { access, refresh, expiresAtMs }: AccessToken): boolean {
  try {
    const whole = readJson(file) as { readonly credentials?: object };
    const { expires_at: _, ...credentials } = (whole.credentials ?? {}) as Readonly<Record<string, unknown>>;
    const next = {
      ...credentials,
      access_token: access,
      ...(refresh === undefined ? {} : { refresh_token: refresh }),
      ...(expiresAtMs === undefined ? {} : { expires_at: new Date(expiresAtMs).toISOString() }),
    };
    writeFileSync(file, `${JSON.stringify({ ...whole, credentials: next }, undefined, 2)}\n`);
    return true;
  } catch {
    return false;
  }
}

function faultsOf(file: string, faults: readonly string[], definition: Definition): string {
  return [
    `${file} is not an account of "${definition.name}":`,
    ...faults.map((fault) => `  ${fault}`),
    `Expected a file such as ${exampleAccount(definition)}.`,
  ].join('\n');
}

function describeIssue(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code !== 'unrecognized_keys')
    return [`${issue.path.length === 0 ? 'the file' : issue.path.join('.')}: ${issue.message}`];
  const known = issue.path.length === 0 ? ownMembers : ['client_id', 'client_secret'];
  return issue.keys.map(
    (key) => `${[...issue.path, key].join('.')}: expected one of ${known.join(', ')}${meantInstead(key, known)}`,
  );
}

/** A context value that the file has under a similar name. */
function meantContext(
  name: string,
  context: Readonly<Record<string, unknown>>,
  { context: declared = {} }: Definition,
): string {
  if (context[name] !== undefined) return '';
  const strange = Object.keys(context).filter((written) => !Object.hasOwn(declared, written));
  const [similar] = strange.filter((written) => meantInstead(written, [name]) !== '');
  return similar === undefined ? '' : `; the file has "${similar}"`;
}

/** The kind or the member that was meant by a misspelt one. */
function meantMember({ api }: Definition, given: Readonly<Record<string, unknown>>, path: string): string {
  if (api === undefined) return '';
  const kinds = kindsOf({ api });
  const name = path.replace('credentials.', '');
  if (name === 'type') return typeof given['type'] === 'string' ? meantInstead(given['type'], kinds) : '';
  const kind = kinds.find((one) => one === given['type']) ?? kinds[0];
  if (kind === undefined || !Object.hasOwn(given, name)) return '';
  return meantInstead(
    name,
    membersOf(api.credentials, kind).flatMap((member) => (member.name === name ? [] : [member.name])),
  );
}

function kindsOf({ api }: Pick<Definition, 'api'>): readonly CredentialKind[] {
  const credentials = api?.credentials ?? {};
  return (Object.keys(credentials) as CredentialKind[]).filter((kind) => credentials[kind] !== undefined);
}

/** A file with what an account of the integration must bring. */
function exampleAccount(definition: Definition): string {
  const { api, context = {} } = definition;
  const needed = Object.entries(context).flatMap(([name, said]) =>
    typeof said === 'string' || (!said.optional && said.default === undefined) ? [[name, '…'] as const] : [],
  );
  const [kind] = kindsOf(definition);
  const members =
    api === undefined || kind === undefined
      ? []
      : membersOf(api.credentials, kind).flatMap(({ name, isOptional }) => (isOptional ? [] : [[name, '…'] as const]));
  return JSON.stringify({
    ...(needed.length === 0 ? {} : { context: Object.fromEntries(needed) }),
    credentials: { type: kind, ...Object.fromEntries(members) },
  });
}

/** @throws {UnusableInput} which quotes nothing of the file. */
function readJson(file: string): unknown {
  let written: string;
  try {
    written = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw new UnusableInput(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}.`);
  }
  const source = readJsonSource(written);
  if (source.kind === 'json') return source.value;
  throw new UnusableInput(`${file}:${source.line}:${source.column} is not JSON.`);
}
