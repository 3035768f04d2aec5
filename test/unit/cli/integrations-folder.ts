import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { CommandPorts, CommandResult } from '../../../lib/cli/command.ts';
import { runCommandLine } from '../../../lib/cli/run-command-line.ts';

/** 2026-11-22T12:00:00Z, the time of every command under test. */
export const nowMs = Date.UTC(2026, 10, 22, 12);

/** A folder of integrations for the tests of a file, empty before each test, and a function that runs commands on it. */
export function useIntegrationsFolder() {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tributary-cli-'));
    mkdirSync(join(folder, 'integrations'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  return {
    path: (name: string) => join(folder, name),
    write: (name: string, content: unknown): string => {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
      return path;
    },
    append: (name: string, text: string): void => appendFileSync(join(folder, name), text),
    remove: (name: string): void => rmSync(join(folder, name), { recursive: true }),
    run: (argv: readonly string[], ports: Partial<CommandPorts> = {}): Promise<CommandResult> =>
      runCommandLine(argv, {
        integrations: join(folder, 'integrations'),
        nowMs: () => nowMs,
        fetch: () => Promise.reject(new Error('no network in this test')),
        deployment: () => Promise.reject(new Error('no deployment in this test')),
        print: () => undefined,
        note: () => undefined,
        pause: () => Promise.resolve(),
        interruption: () => new AbortController().signal,
        ...ports,
      }),
  };
}

const envelope = (name: string, secrets: string, webhook: string) => `name: ${name}
title: A provider
docs: https://provider.example
secrets: ${secrets}
webhook: ${webhook}
mapping: mapping.jsonata
`;

const mapping = `body.verb ? { "event_type": body.verb, "raw_event_type": "staff." & body.verb,
  "resource": "hris/employees", "record_id": body.id, "data": { "id": body.id } }`;

/** The checks of `staff`: a signature over body and time, and the freshness of the time. */
export const signedWithTime = `{ all: [
  { hmac: { algorithm: sha256, encoding: hex, key: signing_secret, message: "{header.X-Time}.{body}", signature: "{header.X-Signature}", prefix: v1= } },
  { freshness: { timestamp: "{header.X-Time}", unit: s, max_age_seconds: 300, max_ahead_seconds: 60 } } ] }`;

type Folder = ReturnType<typeof useIntegrationsFolder>;

/** A canonical resource with two properties, besides those that every resource has. */
export function aResource(resource = 'hris/employees', change: object = {}) {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:tributary:resource:${resource}`,
    title: 'Employee',
    description: 'Somebody who works for a company.',
    version: '1.0.0',
    type: 'object',
    properties: {
      id: { type: 'string', description: 'Id of the record.' },
      name: { type: ['string', 'null'], description: 'Full name.' },
      labels: { type: ['array', 'null'], description: 'Labels.', items: { type: 'string' } },
      custom_fields: { type: ['object', 'null'], description: 'Anything else.', additionalProperties: true },
      remote: { description: 'The record of the provider.' },
    },
    required: ['id'],
    additionalProperties: false,
    ...change,
  };
}

export function writeResource(folder: Folder, resource = 'hris/employees', change: object = {}): void {
  folder.write(
    `integrations/resources/${resource}.json`,
    `${JSON.stringify(aResource(resource, change), undefined, 2)}\n`,
  );
}

/** Writes the file of an older major version of a resource, and with `jsonata` the file of its mapping. */
export function writeOlderMajor(folder: Folder, major: number, change: object = {}, jsonata?: string): void {
  const home = `integrations/resources/hris/employees.v${major}`;
  const file = {
    down: jsonata === undefined ? '$' : `employees.v${major}.jsonata`,
    deprecated_at: '2026-10-01T00:00:00Z',
    ...change,
  };
  folder.write(`${home}.json`, `${JSON.stringify(file, undefined, 2)}\n`);
  if (jsonata !== undefined) folder.write(`${home}.jsonata`, jsonata);
}

/** Properties of the three major versions of {@link releaseThreeMajors}, besides those that every resource has. */
const namesInMajors = { 1: 'name', 2: 'full_name', 3: 'display_name' } as const;

export function aMajor(major: 1 | 2 | 3, change: object = {}) {
  const { properties } = aResource();
  const { name, ...rest } = properties;
  return { version: `${major}.0.0`, properties: { ...rest, [namesInMajors[major]]: name, ...change } };
}

/** Release `hris/employees` as 1.0.0, 1.1.0 (which adds `nickname`), 2.0.0 and 3.0.0, the current version. */
export async function releaseThreeMajors(folder: Folder): Promise<void> {
  const nickname = { type: ['string', 'null'], description: 'How friends call him.' };
  const releases = [aMajor(1), { ...aMajor(1, { nickname }), version: '1.1.0' }, aMajor(2), aMajor(3)];
  for (const release of releases) {
    writeResource(folder, 'hris/employees', release);
    await folder.run(['validate', 'resources', '--release']);
  }
}

/** An integration with one sample, which its definition verifies and maps to one event. */
export function writeIntegration(
  folder: Folder,
  {
    name = 'staff',
    secrets = '{ signing_secret: Somewhere. }',
    verify = signedWithTime,
    more = '',
    sample = { body: { verb: 'created', id: '7' } },
  }: { name?: string; secrets?: string; verify?: string; more?: string; sample?: object } = {},
): void {
  const home = `integrations/${name}`;
  folder.write(`${home}/integration.yaml`, envelope(name, secrets, `{ decode: json, verify: ${verify} ${more} }`));
  folder.write(`${home}/mapping.jsonata`, mapping);
  folder.write(`${home}/samples/created.json`, sample);
  folder.write(`${home}/expected/created.json`, [
    {
      type: 'record:created',
      resource: 'hris/employees',
      record_id: '7',
      raw_event_type: 'staff.created',
      data: { id: '7' },
    },
  ]);
}
