import { readFileSync } from 'node:fs';
import { EngineError } from '../../../lambdas/contracts/engine-error.ts';
import { readHosts } from '../../../lambdas/contracts/read-hosts.ts';
import { type CallMethod, callMethods } from '../../../lambdas/engine/definition/calls-of.ts';
import { callOf } from '../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import { prepareResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { filtersOf } from '../../../lambdas/engine/provider/request/call-reads.ts';
import type { CallValues } from '../../../lambdas/engine/provider/request/call-values.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  present,
  textOption,
  textOptions,
  UnusableInput,
} from '../command.ts';
import { loadDefinition, loadResources } from '../explain/load-integration.ts';
import { nearestName, suggestion } from '../explain/nearest-name.ts';
import type { AccountFile } from '../provider/account-file.ts';
import type { MadeCall, WantedCall } from '../provider/make-call.ts';

export const callCommand: Command = {
  name: 'call',
  positionals: ['<integration>', '<resource|test>', '[method]', '[id]'],
  definitions: 'read',
  summary: 'make a declared call at the provider, or at a stand-in, straight from the definition',
  help: [
    `Methods: ${callMethods.join(', ')}; "call <integration> test" makes the call that tries credentials.`,
    '--account <account.json>    {"context": {…}, "credentials": {"type": "…", …}, "base_url": "…"} as in POST /v1/accounts;',
    '                            "client": {"client_id": "…", "client_secret": "…"} for the refresh of OAuth tokens',
    '--host <origin>=<origin>    send calls of the first origin to the second, a stand-in (repeatable)',
    '--filter <name>=<value>     of list and changes; <name>.gte=<value> for another operator (repeatable)',
    '--since <ISO time>          of changes and deletions',
    '--ids <id>,<id>             of batch_get',
    '--address <name>=<value>    what the call needs besides the id (repeatable)',
    '--data <file.json>          the body of create, update and delete; these calls change data at the provider',
    '--pages <n>                 pages of list, changes and deletions (default: 1)',
    '--raw                       show headers and bodies, too, without credentials',
    'Nothing shows a credential. A refreshed OAuth token is stored in the file of the account.',
    'Exit status: 0 read, 1 the provider refused or its answer cannot be read, 2 unusable input.',
  ],
  options: {
    account: { type: 'string' },
    host: { type: 'string', multiple: true },
    filter: { type: 'string', multiple: true },
    since: { type: 'string' },
    ids: { type: 'string' },
    address: { type: 'string', multiple: true },
    data: { type: 'string' },
    pages: { type: 'string' },
    raw: { type: 'boolean' },
  },
  run: callProvider,
};

/** The methods that take an option. */
const methodsOf: Readonly<Record<string, readonly CallMethod[]>> = {
  filter: ['list', 'changes'],
  pages: ['list', 'changes', 'deletions'],
  since: ['changes', 'deletions'],
  ids: ['batch_get'],
  data: ['create', 'update', 'delete'],
  address: callMethods,
};
const withId: readonly string[] = ['get', 'update', 'delete'];
const listings: readonly string[] = ['batch_get', 'list', 'changes', 'deletions'];
const sinceATime: readonly string[] = ['changes', 'deletions'];
const maxPages = 1_000;

async function callProvider(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const definition = loadDefinition(ports.integrations, args.positionals[0] ?? '');
  if (definition.api === undefined)
    throw new UnusableInput(`The definition of "${definition.name}" has no \`api\`, so it calls no provider.`);
  const wanted = readWanted(args, definition, ports.nowMs());
  const hosts = hostsOf(textOptions(args, 'host'));
  // Imported here, because no other command needs the client of providers.
  const [{ readAccountFile, storeToken }, { makeCall }] = await Promise.all([
    import('../provider/account-file.ts'),
    import('../provider/make-call.ts'),
  ]);
  const file = textOption(args, 'account');
  const account = readAccountFile(definition, file);
  const made = await makeCall(definition, wanted, account, { nowMs: ports.nowMs }, hosts);
  const { token } = made.credentials;
  if (file !== undefined && made.credentials.kind === 'oauth2' && token?.access !== account.credentials.token?.access)
    ports.note(
      token !== undefined && storeToken(file, token)
        ? `The provider gave another token: ${file} has it now.\n`
        : `The provider gave another token, and ${file} could not be written: connect the account again.\n`,
    );
  return await reportCall(args, ports, definition, wanted, account, made);
}

async function reportCall(
  args: CommandArguments,
  ports: CommandPorts,
  definition: Definition,
  wanted: WantedCall,
  account: AccountFile,
  made: MadeCall,
): Promise<CommandResult> {
  const [{ describeCall, isRead, viewCall }, { collectSecrets, withoutSecrets }] = await Promise.all([
    import('../provider/describe-call.ts'),
    import('../provider/hide-secrets.ts'),
  ]);
  const { schemas } = loadResources(ports);
  const resources = prepareResources(schemas, { everyFault: true });
  const secrets = collectSecrets([account.credentials, made.credentials], account.client, made.exchanges);
  const view = withoutSecrets(viewCall(made, wanted, resources, args.values['raw'] === true), secrets);
  const isUnmade = view.outcome === 'unusable' && view.exchanges.every(({ purpose }) => purpose === 'token');
  if (isUnmade) throw new UnusableInput(`The call cannot be made: ${view.reason}${hintFor(view.reason ?? '')}.`);
  const { resource = null, method } = wanted;
  return {
    exitCode: isRead(view) ? 0 : 1,
    output: present(
      args,
      { integration: definition.name, resource, method, ...view },
      describeCall(view, {
        hasSchema: resource === null || schemas.has(resource),
        isListing: listings.includes(method),
      }),
    ),
  };
}

/** How to give what a call lacks. */
function hintFor(reason: string): string {
  const [, source = ''] = /the call needs \{(\w+)/.exec(reason) ?? [];
  const hints: Readonly<Record<string, string>> = {
    id: 'give the id after the method',
    ids: 'give --ids',
    since: 'give --since',
    body: 'give --data',
  };
  const [, filter] = /needs the filter "([^"]+)"/.exec(reason) ?? [];
  const [, address] = /the record's "([^"]+)" is not known/.exec(reason) ?? [];
  const hint =
    hints[source] ??
    (filter !== undefined ? `give --filter ${filter}=…` : address !== undefined ? `give --address ${address}=…` : '');
  return hint === '' ? '' : `; ${hint}`;
}

function readWanted(args: CommandArguments, definition: Definition, nowMs: number): WantedCall {
  const [, first = '', method, id] = args.positionals;
  if (first === 'test') {
    if (method !== undefined) throw new UnusableInput(`Got an unexpected argument: "${method}".`);
    refuseOptions(args, 'test');
    if (definition.api?.test === undefined)
      throw new UnusableInput(`The definition of "${definition.name}" has no \`api.test\`.`);
    return { resource: undefined, method: 'test', values: {}, pages: 1 };
  }
  const { resource, call } = readCall(definition, first, method);
  refuseOptions(args, call.method);
  if (id !== undefined && !withId.includes(call.method))
    throw new UnusableInput(`Got an unexpected argument: "${id}". ${call.method} takes no id.`);
  const isUnnamed = withId.includes(call.method) && id === undefined && textOptions(args, 'address').length === 0;
  if (isUnnamed)
    throw new UnusableInput(`Expected the id of a record: call ${definition.name} ${resource} ${call.method} <id>.`);
  const since = textOption(args, 'since');
  if (since !== undefined && (!/^\d{4}-\d\d-\d\d/.test(since) || Number.isNaN(Date.parse(since))))
    throw new UnusableInput(`--since: got "${since}", expected an ISO 8601 time such as 2026-11-29T12:00:00Z.`);
  const values: CallValues = {
    id,
    ids: readIds(args, call.method, 'max' in call.spec ? call.spec.max : undefined),
    since,
    ...(sinceATime.includes(call.method) ? { until: new Date(nowMs).toISOString() } : {}),
    address: Object.fromEntries(textOptions(args, 'address').map((pair) => readPair('address', pair))),
    filter: readFilters(textOptions(args, 'filter'), filtersOf(call.spec), resource, call.method),
    body: readData(textOption(args, 'data')),
  };
  return { resource, method: call.method, values, pages: readPages(textOption(args, 'pages')) };
}

/** @throws {UnusableInput} which names the nearest resource or method. */
function readCall(definition: Definition, resource: string, method: string | undefined) {
  const declared = Object.keys(definition.resources ?? {});
  const methods = callMethods.filter((name) => callOf(definition, resource, name) !== undefined);
  if (!declared.includes(resource))
    throw new UnusableInput(
      `"${definition.name}" has no resource "${resource}".${suggestion(resource, [...declared, 'test'])} It has: ${declared.join(', ') || 'none'}.`,
    );
  const has = `${resource} has: ${methods.join(', ') || 'no calls'}.`;
  if (method === undefined) throw new UnusableInput(`Expected a method. ${has}`);
  const call = methods.includes(method as CallMethod) ? callOf(definition, resource, method as CallMethod) : undefined;
  if (call !== undefined) return { resource, call };
  const meant = nearestName(method, methods);
  throw new UnusableInput(
    `${resource} has no call "${method}".${meant === undefined ? '' : ` Did you mean "${meant}"?`} ${has}`,
  );
}

function refuseOptions(args: CommandArguments, method: string): void {
  for (const [option, methods] of Object.entries(methodsOf))
    if (args.values[option] !== undefined && !(methods as readonly string[]).includes(method))
      throw new UnusableInput(`--${option} has no meaning for ${method}; it is for ${methods.join(', ')}.`);
}

function readIds(args: CommandArguments, method: string, max: number | undefined): readonly string[] | undefined {
  if (method !== 'batch_get') return undefined;
  const ids = (textOption(args, 'ids') ?? '').split(',').flatMap((id) => (id.trim() === '' ? [] : [id.trim()]));
  if (ids.length === 0) throw new UnusableInput('Expected --ids <id>,<id>: the records to read.');
  if (max !== undefined && ids.length > max)
    throw new UnusableInput(`--ids: got ${ids.length} ids, expected at most ${max}, the \`max\` of the call.`);
  return ids;
}

function readPair(option: string, pair: string): readonly [name: string, value: string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
  if (name === undefined || value === undefined)
    throw new UnusableInput(`--${option}: got "${pair}", expected <name>=<value>.`);
  return [name, value];
}

function readFilters(
  pairs: readonly string[],
  offered: readonly string[],
  resource: string,
  method: string,
): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const names = offered.map((filter) => filter.replace(/\.eq$/, ''));
  const filters: Record<string, Record<string, string>> = {};
  for (const pair of pairs) {
    const [written, value] = readPair('filter', pair);
    if (!names.includes(written.replace(/\.eq$/, '')))
      throw new UnusableInput(
        `--filter: ${method} of ${resource} has no filter "${written}".${suggestion(written, names)} It has: ${names.join(', ') || 'none'}.`,
      );
    const [name = '', operator = 'eq'] = written.split('.');
    filters[name] = { ...filters[name], [operator]: value };
  }
  return filters;
}

function readPages(text: string | undefined): number {
  if (text === undefined) return 1;
  const pages = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (pages < 1 || pages > maxPages)
    throw new UnusableInput(`--pages: got "${text}", expected a number from 1 to ${maxPages}.`);
  return pages;
}

function readData(file: string | undefined): unknown {
  if (file === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UnusableInput(code === undefined ? `${file} is not JSON.` : `${file} cannot be read: ${code}.`);
  }
}

function hostsOf(pairs: readonly string[]): ReadonlyMap<string, string> {
  try {
    return readHosts(pairs.join(','));
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new UnusableInput(`--host: ${error.message}, such as https://api.example.com=http://localhost:4001.`);
  }
}
