import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { candidateVersion } from '../../../lambdas/engine/definition/candidate-version.ts';
import { compileCandidates, compileIntegrations } from '../../../lib/definitions/compile-integrations.ts';
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

const yaml = (title = 'A provider', mapping = 'mapping.jsonata') => `name: alpha
title: ${title}
docs: https://provider.example
secrets: { signing_secret: Somewhere. }
webhook:
  decode: json
  verify:
    hmac: { algorithm: sha256, encoding: hex, key: signing_secret, message: "{body}", signature: "{header.X-Signature}" }
mapping: ${mapping}
`;

const compile = () => compileCandidates(root, compileIntegrations(root));

function writeCurrent(): void {
  write('alpha/integration.yaml', yaml());
  write('alpha/mapping.jsonata', 'body.events');
}

test('a candidate has its own files, and all others of the current definition', () => {
  writeCurrent();
  expect([...compile()]).toEqual([]);
  write('alpha/canary/mapping.jsonata', 'body.newer');
  const candidate = compile().get('alpha');
  expect(candidate).toEqual({ ...compileIntegrations(root).get('alpha'), mapping: 'body.newer' });
  expect([...compileIntegrations(root).keys()]).toEqual(['alpha']);
});

test('a candidate may have a file that the current definition lacks, named by its own definition', () => {
  writeCurrent();
  write('alpha/canary/integration.yaml', yaml('A provider', 'newer.jsonata'));
  write('alpha/canary/newer.jsonata', 'body.newer');
  expect(compile().get('alpha')?.mapping).toBe('body.newer');
});

test('its version changes with its content', () => {
  writeCurrent();
  const versions = ['body.a', 'body.b', 'body.a'].map((mapping) => {
    write('alpha/canary/mapping.jsonata', mapping);
    return candidateVersion(
      compile().get('alpha') as NonNullable<
        ReturnType<typeof compile> extends ReadonlyMap<string, infer D> ? D : never
      >,
    );
  });
  expect(versions[0]).toBe(versions[2]);
  expect(versions[0]).not.toBe(versions[1]);
});

test.each([
  ['it does not compile', { 'mapping.jsonata': 'body.\n  [' }, 'integrations/alpha/canary/mapping.jsonata:2:4 mapping'],
  ['it equals the current definition', { 'mapping.jsonata': 'body.events' }, 'there is nothing to try'],
  ['it has no file', { 'samples/a.json': '{}' }, 'there is nothing to try'],
  ['it changes what all accounts share', { 'integration.yaml': yaml('Another title') }, 'title: got another value'],
])('fails when %s', (_, files, message) => {
  writeCurrent();
  for (const [path, text] of Object.entries(files)) write(`alpha/canary/${path}`, text);
  expect(compile).toThrow(message);
});

test('its samples replace those of the same name, and join the others', () => {
  writeCurrent();
  for (const name of ['a', 'b']) {
    write(`alpha/samples/${name}.json`, JSON.stringify({ body: { of: 'current' } }));
    write(`alpha/expected/${name}.json`, JSON.stringify([{ of: 'current' }]));
  }
  write('alpha/canary/samples/c.json', JSON.stringify({ body: { of: 'candidate' } }));
  write('alpha/canary/expected/b.json', JSON.stringify([{ of: 'candidate' }]));
  const read = readSamples(root, 'alpha', 'canary').map(({ name, request, expected }) => [
    name,
    String(request.body),
    expected,
  ]);
  expect(read).toEqual([
    ['a', '{"of":"current"}', [{ of: 'current' }]],
    ['b', '{"of":"current"}', [{ of: 'candidate' }]],
    ['c', '{"of":"candidate"}', undefined],
  ]);
  expect(readSamples(root, 'alpha').map(({ name }) => name)).toEqual(['a', 'b']);
});
