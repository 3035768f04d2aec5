import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import { apiOrigins } from '../../local/simulators/provider/api-origins.ts';
import type { ProviderStats } from '../../local/simulators/provider/call-counts.ts';
import type { SimulatedCredentials } from '../../local/simulators/provider/credentials/simulated-credentials.ts';
import type { ProviderFaults } from '../../local/simulators/provider/draw-fault.ts';
import {
  type FaultName,
  faultNames,
  faultText,
  isFaultName,
  namedFaults,
} from '../../local/simulators/provider/faults/named-faults.ts';
import {
  type ProviderSimulator,
  type ProviderSimulatorOptions,
  startProviderSimulator,
} from '../../local/simulators/provider/provider-simulator.ts';
import { type SteadyChanges, startSteadyChanges } from '../../local/simulators/provider/records/steady-changes.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  textOption,
  textOptions,
  UnusableInput,
} from '../command.ts';
import { isWebUrl } from '../engine/engine-call.ts';
import { loadDefinition, loadExchanges, loadSamples, loadWebhookDefinition } from '../explain/load-integration.ts';
import { suggestion } from '../explain/nearest-name.ts';

const usualPort = 8788;
const usualRecords = 100;

export const simulateCommand: Command = {
  name: 'simulate',
  positionals: ['<integration>'],
  definitions: 'read',
  summary: "run the integration's provider on this machine, from its exchanges, with limits, tokens and faults",
  help: [
    `--port <number>              (default: ${usualPort}; 0 for a free one)`,
    `--records <number>           records of each resource at the start (default: ${usualRecords})`,
    '--change-rate <per minute>   records that are created, changed or removed while it runs (default: none)',
    '--credential <kind>.<member>=<value>, --context <name>=<value>   of the account; repeatable',
    '--limit <name>=<number>      another number for a limit of the definition; repeatable',
    '--latency <ms> or <ms>-<ms>  how long a call takes',
    '--errors, --timeouts, --malformed, --html <per cent>   calls that fail so: 500 to 503, no answer, half of the JSON, a page',
    '--faults <name>,<name> or all   what a poller must survive:',
    ...faultNames.map((name) => `  ${name.padEnd(19)}  ${faultText(name)}`),
    '--retry-after <seconds>      what 429 and 503 say (default: when the limit is free; nothing in 503)',
    '--token-life <seconds>       of access tokens (default: 3600)',
    '--deny                       the owner refuses each consent',
    '--webhooks <url>             send a signed webhook for each change there, the webhook URL of an account',
    '--double, --late, --lose <per cent>   webhooks that come twice, late, or never',
    '--seed <text>                the same seed gives the same faults, tokens and webhooks',
    'Ctrl-C ends it and shows what was measured. Exit status: 0 ended, 2 unusable input.',
  ],
  options: {
    port: { type: 'string' },
    records: { type: 'string' },
    'change-rate': { type: 'string' },
    credential: { type: 'string', multiple: true },
    context: { type: 'string', multiple: true },
    limit: { type: 'string', multiple: true },
    latency: { type: 'string' },
    errors: { type: 'string' },
    timeouts: { type: 'string' },
    malformed: { type: 'string' },
    html: { type: 'string' },
    faults: { type: 'string' },
    'retry-after': { type: 'string' },
    'token-life': { type: 'string' },
    deny: { type: 'boolean' },
    webhooks: { type: 'string' },
    double: { type: 'string' },
    late: { type: 'string' },
    lose: { type: 'string' },
    seed: { type: 'string' },
  },
  run: simulateProvider,
};

async function simulateProvider(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [integration = ''] = args.positionals;
  const definition = loadDefinition(ports.integrations, integration);
  const options = readOptions(args, definition, ports);
  const perMinute = readNumber(args, 'change-rate') ?? 0;
  const signal = ports.interruption();
  const simulator = await startSimulator(options);
  const described = describe(definition, simulator);
  ports.print(present(args, described, introduction(definition, described)));
  const resources = Object.keys(definition.resources ?? {}).filter((name) => isStored(definition, name));
  let changes: SteadyChanges | undefined;
  if (perMinute > 0)
    changes = startSteadyChanges(simulator, {
      resources: resources.filter((name) => simulator.records(name).length > 0),
      perMinute,
      seed: String(options.seed ?? ''),
      onFailure: (error) => ports.note(`a change failed: ${error.message}\n`),
    });
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  changes?.stop();
  const stats = simulator.stats();
  await simulator.stop();
  return { exitCode: 0, output: present(args, { changes: changes?.count() ?? 0, ...stats }, summary(stats, changes)) };
}

async function startSimulator(options: ProviderSimulatorOptions): Promise<ProviderSimulator> {
  try {
    return await startProviderSimulator(options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new UnusableInput(`--port: ${options.port} is in use; 0 takes a free port.`);
    throw error;
  }
}

function readOptions(args: CommandArguments, definition: Definition, ports: CommandPorts): ProviderSimulatorOptions {
  const { name, api } = definition;
  if (api === undefined)
    throw new UnusableInput(`The definition of "${name}" has no \`api\`: nothing calls its provider.`);
  const [tokenLife, seed, url] = [
    readNumber(args, 'token-life'),
    textOption(args, 'seed'),
    textOption(args, 'webhooks'),
  ];
  if (url !== undefined && !isWebUrl(url))
    throw new UnusableInput(`--webhooks: got "${url}", expected an absolute http or https URL.`);
  if (url !== undefined) loadWebhookDefinition(ports.integrations, name);
  const limits = Object.fromEntries(
    readPairs(args, 'limit').map(([limit, text]) => {
      const names = api.limits.map((one) => one.name);
      if (!names.includes(limit))
        throw new UnusableInput(`--limit: there is no limit "${limit}".${suggestion(limit, names)}`);
      return [limit, toNumber('limit', text)];
    }),
  );
  return {
    definition,
    exchanges: loadExchanges(ports.integrations, name),
    samples: loadSamples(ports.integrations, name),
    records: readNumber(args, 'records') ?? usualRecords,
    port: readNumber(args, 'port') ?? usualPort,
    faults: readFaults(args),
    limits,
    credentials: readCredentials(args),
    context: Object.fromEntries(readPairs(args, 'context')),
    deny: args.values['deny'] === true,
    ...(tokenLife === undefined ? {} : { tokenLife }),
    ...(seed === undefined ? {} : { seed }),
    ...(url === undefined
      ? {}
      : {
          webhooks: {
            url,
            doublePercent: readPercent(args, 'double'),
            latePercent: readPercent(args, 'late'),
            losePercent: readPercent(args, 'lose'),
          },
        }),
  };
}

function readFaults(args: CommandArguments): Partial<ProviderFaults> {
  const latency = textOption(args, 'latency');
  const [, least, most = least] = /^(\d+)(?:-(\d+))?$/.exec(latency ?? '') ?? [];
  if (latency !== undefined && least === undefined)
    throw new UnusableInput(`--latency: got "${latency}", expected milliseconds such as 50 or 50-200.`);
  const given = (member: keyof ProviderFaults, option: string) =>
    textOption(args, option) === undefined ? {} : { [member]: readPercent(args, option) };
  return namedFaults(readFaultNames(textOption(args, 'faults')), {
    latencyMs: [Number(least ?? 0), Number(most ?? 0)],
    ...given('errorPercent', 'errors'),
    ...given('timeoutPercent', 'timeouts'),
    ...given('malformedPercent', 'malformed'),
    ...given('htmlPercent', 'html'),
    retryAfterSeconds: readNumber(args, 'retry-after'),
  });
}

function readFaultNames(text: string | undefined): readonly FaultName[] {
  if (text === 'all') return faultNames;
  return (text?.split(',') ?? []).map((written) => {
    const name = written.trim();
    if (isFaultName(name)) return name;
    const known = ['all', ...faultNames];
    throw new UnusableInput(
      `--faults: there is no fault "${name}".${suggestion(name, known)} Expected ${known.join(', ')}.`,
    );
  });
}

/** `basic.username=ada`: members by kind. */
function readCredentials(args: CommandArguments): SimulatedCredentials {
  const kinds: Record<string, Record<string, string>> = {};
  for (const [name, value] of readPairs(args, 'credential')) {
    const [kind = '', member, ...rest] = name.split('.');
    if (member === undefined || rest.length > 0)
      throw new UnusableInput(`--credential: got "${name}", expected <kind>.<member>=<value>.`);
    kinds[kind] = { ...kinds[kind], [member]: value };
  }
  return kinds;
}

function readPairs(args: CommandArguments, option: string): readonly (readonly [name: string, value: string])[] {
  return textOptions(args, option).map((text) => {
    const [, name, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined) throw new UnusableInput(`--${option}: got "${text}", expected <name>=<value>.`);
    return [name, value];
  });
}

function readNumber(args: CommandArguments, option: string): number | undefined {
  const text = textOption(args, option);
  return text === undefined ? undefined : toNumber(option, text);
}

function readPercent(args: CommandArguments, option: string): number {
  const percent = readNumber(args, option) ?? 0;
  if (percent > 100) throw new UnusableInput(`--${option}: got ${percent}, expected at most 100 per cent.`);
  return percent;
}

function toNumber(option: string, text: string): number {
  if (!/^\d{1,9}(\.\d+)?$/.test(text)) throw new UnusableInput(`--${option}: got "${text}", expected a number.`);
  return Number(text);
}

/** Whether a resource has records of its own, and not those of another one. */
function isStored({ resources = {} }: Definition, name: string): boolean {
  return resources[name]?.map !== undefined && resources[name]?.from === undefined;
}

/** What an account and the engine need to call the simulator. */
function describe(definition: Definition, simulator: ProviderSimulator) {
  const { url, context, credentials, served, unserved } = simulator;
  const { access, refresh } = simulator.grant();
  const { oauth2: client, ...others } = credentials;
  // A private key must be the user's own.
  const kinds = Object.entries(others).filter(([type]) => type !== 'oauth2_jwt_bearer');
  const accounts = kinds.map(([type, members]) => ({ context, credentials: { type, ...members } }));
  const consented = {
    context,
    credentials: { type: 'oauth2', access_token: access, ...(refresh === undefined ? {} : { refresh_token: refresh }) },
    client,
  };
  return {
    url,
    hosts: apiOrigins(definition, context).map((origin) => `${origin}=${url}`),
    accounts: client === undefined ? accounts : [...accounts, consented],
    served,
    unserved,
  };
}

function introduction(
  definition: Definition,
  { url, hosts, accounts, served, unserved }: ReturnType<typeof describe>,
): readonly string[] {
  return [
    `${definition.title} at ${url}: ${count(served.length, 'call')} served`,
    ...unserved.map(({ name, reason }) => `  not served: ${name}: ${reason}`),
    'The engine calls it with:',
    `  npm start -- ${hosts.map((host) => `--host ${host}`).join(' ')}`,
    'Accounts that it knows, as for --account:',
    ...accounts.map((account) => `  ${JSON.stringify(account)}`),
  ];
}

function summary({ calls, refusals, faults, tokens, webhooks, mostAtOnce }: ProviderStats, changes?: SteadyChanges) {
  const named = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([name, times]) => `  ${String(times).padStart(6)}  ${name}`);
  return [
    `calls, at most ${mostAtOnce} at the same time:`,
    ...named(calls),
    ...(Object.keys(refusals).length === 0 ? [] : ['answered with 429, by limit:', ...named(refusals)]),
    ...(Object.keys(faults).length === 0 ? [] : ['faults that came:', ...named(faults)]),
    `tokens: ${tokens.refreshes} refreshed, ${tokens.reuses} used twice, ${tokens.revokedFamilies} grants revoked`,
    `changes: ${changes?.count() ?? 0}; webhooks: ${webhooks.sent} sent, ${webhooks.lost} lost, ${webhooks.refused} refused, ${webhooks.unsent} without a sample`,
  ];
}
