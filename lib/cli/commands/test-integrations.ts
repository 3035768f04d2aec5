import { hasWebhook } from '../../../lambdas/engine/definition/has-webhook.ts';
import type { Definition, WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { type PreparedResources, prepareResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { canaryFolder, readCandidate } from '../../definitions/canaries.ts';
import { resourcesFolder } from '../../definitions/integration-folders.ts';
import { tryDownMappings } from '../../definitions/try-down-mappings.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  UnusableInput,
} from '../command.ts';
import { checkExchange } from '../explain/check-exchange.ts';
import { checkSample, type SampleCheck } from '../explain/check-sample.ts';
import { type ExplainedFault, formatExplained } from '../explain/explain-fault.ts';
import { collapseRepeated } from '../explain/explain-mapping.ts';
import {
  loadDefinition,
  loadExchanges,
  loadResources,
  loadSamples,
  placeInDefinition,
  readDefinition,
  selectIntegrations,
} from '../explain/load-integration.ts';
import { testTimeMs } from '../explain/test-time.ts';
import { shownPath } from '../own-folder.ts';
import { convergeHelp, convergeOptions, convergeSyncs } from './converge-syncs.ts';
import { updateExpected, writeExpected } from './update-expected.ts';
import { blockingFaults, candidateFaults, strayFaults } from './validate-integrations.ts';

interface IntegrationReport {
  /** Name of the integration; `resources` for faults of schemas. */
  readonly integration: string;
  /** Faults of the definition or its files; with most of them no sample can run. */
  readonly faults: readonly ExplainedFault[];
  /** What was not checked, and how to check it. */
  readonly notes: readonly string[];
  readonly samples: readonly {
    readonly sample: string;
    readonly passed: boolean;
    readonly checks: readonly SampleCheck[];
  }[];
}

export const testCommand: Command = {
  name: 'test',
  positionals: ['[integration]'],
  definitions: 'read',
  summary: 'sign each sample as the provider would; check verification and mapping against the definition',
  help: [
    '--update            first rewrite expected/ with the events of the mapping, and `expected` of exchanges',
    ...convergeHelp,
    'Exit status: 0 all passed, 1 a sample failed, a definition is invalid or a record was missed, 2 unusable input.',
  ],
  options: { update: { type: 'boolean' }, ...convergeOptions },
  run: (args, ports) =>
    args.values['converge'] === true ? convergeSyncs(args, ports) : testIntegrations(withoutConverge(args), ports),
};

/** @throws {UnusableInput} for an option that has no meaning without `--converge`. */
function withoutConverge(args: CommandArguments): CommandArguments {
  const lonely = Object.keys(convergeOptions).find((name) => args.values[name] !== undefined);
  if (lonely !== undefined) throw new UnusableInput(`--${lonely}: only --converge reads it.`);
  return args;
}

async function testIntegrations(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const resources = loadResources(ports);
  const prepared = prepareResources(resources.schemas, { everyFault: true });
  const resourceFaults = [...resources.faults, ...(await tryDownMappings(resources))];
  const reports: IntegrationReport[] =
    resourceFaults.length === 0
      ? []
      : [{ integration: resourcesFolder, faults: resourceFaults, notes: [], samples: [] }];
  const names = selectIntegrations(ports.integrations, args.positionals[0]);
  const isUpdate = args.values['update'] === true;
  for (const name of names) {
    const left = isUpdate ? await updateExpected(name, ports) : [];
    const report = await testIntegration(name, prepared, ports);
    reports.push({ ...report, notes: [...left, ...report.notes] });
    const candidate = await testCandidate(name, prepared, ports, isUpdate);
    if (candidate !== undefined) reports.push(candidate);
  }
  const results = reports.flatMap(({ samples }) => samples);
  const passed = results.filter((result) => result.passed).length;
  const faults = reports.reduce((sum, report) => sum + report.faults.length, 0);
  const failed = results.length - passed;
  const ok = failed === 0 && faults === 0;
  const shown = reports.map((report) => ({
    ...report,
    faults: report.faults.map((fault) => ({ ...fault, file: shownPath(ports, fault.file) })),
  }));
  const summary = [
    `${count(names.length, 'integration')}, ${count(results.length, 'sample')}: ${passed} passed, ${failed} failed`,
    ...(faults === 0 ? [] : [count(faults, 'fault')]),
  ].join(', ');
  return {
    exitCode: ok ? 0 : 1,
    output: present(args, { passed, failed, faults, integrations: shown }, [...shown.flatMap(describe), summary]),
  };
}

async function testIntegration(
  name: string,
  resources: PreparedResources,
  ports: CommandPorts,
): Promise<IntegrationReport> {
  const blocking = blockingFaults(ports.integrations, name);
  if (blocking.length > 0) return { integration: name, faults: blocking, notes: [], samples: [] };
  const definition = loadDefinition(ports.integrations, name);
  const exchanges = await checkExchanges(definition, resources, ports);
  if (!hasWebhook(definition)) return { integration: name, faults: [], notes: [], samples: exchanges };
  const samples = [];
  for (const sample of loadSamples(ports.integrations, name)) {
    const checks = await checkSample(definition, sample, resources, testTimeMs);
    samples.push({ sample: sample.name, passed: checks.every((check) => check.faults.length === 0), checks });
  }
  const routing = reviewRouting(ports.integrations, definition, samples);
  const notes = new Set(samples.flatMap(({ checks }) => checks.flatMap((check) => check.notes ?? [])));
  return {
    integration: name,
    faults: [...strayFaults(ports.integrations, name), ...routing.faults],
    notes: [...notes, ...routing.notes],
    samples: [...samples, ...exchanges],
  };
}

/**
 * Check an integration's candidate with the samples of the integration, and with those of its own.
 *
 * @returns Undefined where there is none, or where the current definition cannot be tested.
 */
async function testCandidate(
  name: string,
  resources: PreparedResources,
  ports: CommandPorts,
  isUpdate: boolean,
): Promise<IntegrationReport | undefined> {
  const current = readDefinition(ports.integrations, name).parsed;
  const candidate =
    current.kind === 'definition' ? readCandidate(ports.integrations, name, current.definition) : undefined;
  if (candidate === undefined) return undefined;
  const integration = `${name}/${canaryFolder}`;
  const faults = candidateFaults(ports.integrations, name);
  const { parsed } = candidate;
  if (faults.length > 0 || parsed.kind === 'faults') return { integration, faults, notes: [], samples: [] };
  const { definition } = parsed;
  if (!hasWebhook(definition)) return { integration, faults: [], notes: [], samples: [] };
  if (isUpdate) await writeExpected(definition, ports, canaryFolder);
  const samples = [];
  for (const sample of loadSamples(ports.integrations, name, canaryFolder)) {
    const checks = await checkSample(definition, sample, resources, testTimeMs);
    samples.push({ sample: sample.name, passed: checks.every((check) => check.faults.length === 0), checks });
  }
  return { integration, faults: [], notes: [], samples };
}

/** Report a context that no sample has as a fault, and one that only some samples have as a note. */
function reviewRouting(
  root: string,
  { name, routing }: WebhookDefinition,
  samples: IntegrationReport['samples'],
): Pick<IntegrationReport, 'faults' | 'notes'> {
  const looked = samples.flatMap(({ sample, checks }) =>
    checks.flatMap(({ namesAccount }) => (namesAccount === undefined ? [] : [{ sample, namesAccount }])),
  );
  const lost = looked.filter(({ namesAccount }) => !namesAccount).map(({ sample }) => sample);
  if (routing === undefined || lost.length === 0) return { faults: [], notes: [] };
  const { account_context: context, secrets } = routing;
  if (lost.length < looked.length)
    return {
      faults: [],
      notes: [
        `routing: no "${context}" in ${lost.join(', ')}: accepted only at an account's own URL, ${secrets === 'account' ? 'rejected' : 'dead-lettered'} at the URL for all accounts`,
      ],
    };
  const path = 'routing.context_lookup_field';
  const message = `got no "${context}" in any sample with events, expected at least one that names its account`;
  return { faults: [{ ...placeInDefinition(root, name, path), path, message }], notes: [] };
}

/** Check the calls of a definition against its declared exchanges. */
async function checkExchanges(
  definition: Definition,
  resources: PreparedResources,
  { integrations }: CommandPorts,
): Promise<IntegrationReport['samples']> {
  const reports = [];
  for (const exchanges of loadExchanges(integrations, definition.name)) {
    const { faults } = await checkExchange(definition, exchanges, resources);
    reports.push({
      sample: exchanges.name,
      passed: faults.length === 0,
      checks: [{ name: 'exchange' as const, faults }],
    });
  }
  return reports;
}

function describe({ integration, faults, notes, samples }: IntegrationReport): readonly string[] {
  return [
    integration,
    ...faults.map((fault) => `  ${formatExplained(fault)}`),
    ...notes.map((note) => `  note ${note}`),
    ...samples.flatMap(({ sample, passed, checks }) => [
      `  ${passed ? 'ok  ' : 'FAIL'} ${sample}`,
      ...checks.flatMap(({ name, faults: found }) =>
        collapseRepeated(found).map((fault) => `         ${name}: ${fault}`),
      ),
    ]),
  ];
}
