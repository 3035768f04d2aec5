import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compileIntegrations } from '../../../lib/definitions/compile-integrations.ts';
import { readSamples } from '../../../lib/definitions/samples.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'integrations-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const yaml = (name: string, mapping = 'mapping.jsonata', key = 'signing_secret') => `name: ${name}
title: A provider
docs: https://provider.example
secrets: { signing_secret: Somewhere. }
webhook:
  decode: json
  verify:
    hmac: { algorithm: sha256, encoding: hex, key: ${key}, message: "{body}", signature: "{header.X-Signature}" }
mapping: ${mapping}
`;

test('compiles every folder, in the order of the names, each self-contained', () => {
  write('beta/integration.yaml', yaml('beta', 'body.inline'));
  write('alpha/integration.yaml', yaml('alpha'));
  write('alpha/mapping.jsonata', 'body.events');
  write('README.md', 'not an integration');
  const compiled = [...compileIntegrations(root)];
  expect(compiled.map(([name, { mapping }]) => [name, mapping])).toEqual([
    ['alpha', 'body.events'],
    ['beta', 'body.inline'],
  ]);
  expect(JSON.parse(JSON.stringify(compiled))).toEqual(compiled);
});

test('fails when definitions are wrong, and reports every fault of each with its file and line', () => {
  write('alpha/integration.yaml', yaml('alpha', 'mapping.jsonata', 'other'));
  write('alpha/mapping.jsonata', 'body.\n  [');
  write('beta/integration.yaml', yaml('gamma', 'body'));
  mkdirSync(join(root, 'empty'));
  expect(() => compileIntegrations(root)).toThrow(
    new Error(
      [
        'invalid integrations:',
        'integrations/alpha/integration.yaml:8:52 webhook.verify.hmac.key: got "other", expected one of the declared secrets: signing_secret',
        'integrations/alpha/mapping.jsonata:2:4 mapping: JSONata: Expected "]" before end of expression',
        'integrations/beta/integration.yaml:1:7 name: got "gamma", expected the folder\'s name "beta"',
        'integrations/empty/integration.yaml:1:1 the folder has no such file',
      ].join('\n'),
    ),
  );
});

test('reads samples as the requests of a provider', () => {
  write('alpha/samples/b-text.json', '{"method":"GET","query":"a=b","headers":{"X-Event":"e"},"body":"a=1"}');
  write('alpha/samples/a-json.json', '{"headers":{"Content-Type":"application/cloudevents+json"},"body":{"a":[1]}}');
  write('alpha/samples/c-empty.json', '{}');
  write('alpha/samples/notes.md', 'not a sample');
  expect(
    readSamples(root, 'alpha').map(({ name, request }) => [name, { ...request, body: request.body.toString() }]),
  ).toEqual([
    [
      'a-json',
      {
        method: 'POST',
        url: 'https://hooks.example.com/in/alpha',
        path: '/',
        query: '',
        headers: { 'content-type': 'application/cloudevents+json' },
        body: '{"a":[1]}',
      },
    ],
    [
      'b-text',
      {
        method: 'GET',
        url: 'https://hooks.example.com/in/alpha?a=b',
        path: '/',
        query: 'a=b',
        headers: { 'x-event': 'e' },
        body: 'a=1',
      },
    ],
    [
      'c-empty',
      {
        method: 'POST',
        url: 'https://hooks.example.com/in/alpha',
        path: '/',
        query: '',
        headers: { 'content-type': 'application/json' },
        body: '',
      },
    ],
  ]);
  expect(readSamples(root, 'beta')).toEqual([]);
});

test('fails when a file is not a sample, and names it', () => {
  write('alpha/samples/typo.json', '{"header":{}}');
  expect(() => readSamples(root, 'alpha')).toThrow(/integrations\/alpha\/samples\/typo\.json: .*header/);
});
