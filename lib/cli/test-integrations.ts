import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Definition } from '../../lambdas/engine/definition/schema.ts';
import { makeKeys } from '../definitions/make-keys.ts';
import { signRequest } from '../definitions/sign-request.ts';
import { checkSample, type SampleCheck } from './check-sample.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
} from './command.ts';
import { comparableEvent } from './compare-events.ts';
import { type ExplainedFault, formatExplained } from './explain-fault.ts';
import { loadDefinition, loadSamples, selectIntegrations } from './load-integration.ts';
import { mapRequestOffline } from './map-request-offline.ts';
import { blockingFaults, strayFaults } from './validate-integrations.ts';

interface IntegrationReport {
  readonly integration: string;
  /** Of the definition or of its files; most leave no sample to run. */
  readonly faults: readonly ExplainedFault[];
  readonly samples: readonly {
    readonly sample: string;
    readonly passed: boolean;
    readonly checks: readonly SampleCheck[];
  }[];
}

export const testCommand: Command = {
  name: 'test',
  positionals: ['[integration]'],
  summary: 'sign each sample as the provider would; hold verification and mapping to the definition',
  help: [
    '--update  first write expected/ anew, from the events that the mapping gives',
    'Exit status: 0 all passed, 1 a sample failed or a definition is invalid, 2 unusable input.',
  ],
  options: { update: { type: 'boolean' } },
  run: testIntegrations,
};

async function testIntegrations(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const reports: IntegrationReport[] = [];
  for (const name of selectIntegrations(ports.integrations, args.positionals[0])) {
    if (args.values['update'] === true) await writeExpected(loadDefinition(ports.integrations, name), ports);
    reports.push(await testIntegration(name, ports));
  }
  const results = reports.flatMap(({ samples }) => samples);
  const passed = results.filter((result) => result.passed).length;
  const faults = reports.reduce((sum, report) => sum + report.faults.length, 0);
  const failed = results.length - passed;
  const ok = failed === 0 && faults === 0;
  const summary = [
    `${count(reports.length, 'integration')}, ${count(results.length, 'sample')}: ${passed} passed, ${failed} failed`,
    ...(faults === 0 ? [] : [count(faults, 'fault')]),
  ].join(', ');
  return {
    exitCode: ok ? 0 : 1,
    output: present(args, { passed, failed, faults, integrations: reports }, [...reports.flatMap(describe), summary]),
  };
}

async function testIntegration(name: string, ports: CommandPorts): Promise<IntegrationReport> {
  const blocking = blockingFaults(ports.integrations, name);
  if (blocking.length > 0) return { integration: name, faults: blocking, samples: [] };
  const definition = loadDefinition(ports.integrations, name);
  const samples = [];
  for (const sample of loadSamples(ports.integrations, name)) {
    const checks = await checkSample(definition, sample, ports.nowMs());
    samples.push({ sample: sample.name, passed: checks.every((check) => check.faults.length === 0), checks });
  }
  return { integration: name, faults: strayFaults(ports.integrations, name), samples };
}

async function writeExpected(definition: Definition, { integrations, nowMs }: CommandPorts): Promise<void> {
  const folder = join(integrations, definition.name, 'expected');
  mkdirSync(folder, { recursive: true });
  for (const { name, request } of loadSamples(integrations, definition.name)) {
    const signed = signRequest(definition, request, makeKeys(definition, 'current'), nowMs());
    const mapped = await mapRequestOffline(definition, signed, nowMs());
    if (mapped.kind === 'failed') continue;
    writeFileSync(
      join(folder, `${name}.json`),
      `${JSON.stringify(mapped.events.map(comparableEvent), undefined, 2)}\n`,
    );
  }
}

function describe({ integration, faults, samples }: IntegrationReport): readonly string[] {
  return [
    integration,
    ...faults.map((fault) => `  ${formatExplained(fault)}`),
    ...samples.flatMap(({ sample, passed, checks }) => [
      `  ${passed ? 'ok  ' : 'FAIL'} ${sample}`,
      ...checks.flatMap(({ name, faults: found }) => found.map((fault) => `         ${name}: ${fault}`)),
    ]),
  ];
}
