import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { useIntegrationsFolder, writeIntegration } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();

interface Validation {
  readonly faults: readonly Readonly<Record<string, unknown>>[];
}

async function faultsOf(...argv: readonly string[]) {
  const { exitCode, output } = await folder.run(['validate', ...argv, '--json']);
  const { faults } = JSON.parse(output) as Validation;
  expect(exitCode).toBe(faults.length === 0 ? 0 : 1);
  return faults;
}

test('finds no fault in a valid integration', async () => {
  writeIntegration(folder);
  expect(await folder.run(['validate'])).toEqual({ exitCode: 0, output: '1 integration: no faults\n' });
});

test('reports every fault with its place, its value, the expectation and the nearest valid name', async () => {
  writeIntegration(folder);
  folder.write(
    'integrations/staff/integration.yaml',
    `name: staff
title: 5
docs: https://provider.example
secrets: { signing_secret: Somewhere. }
webhook:
  decode: jsn
  verify:
    hmac:
      algoritm: sha256
      encoding: hexx
      key: signing_secret
      message: "{body}"
      signature: "{header.X-Signature}"
mapping: mapping.jsonata
`,
  );
  const faults = await faultsOf();
  const at = (line: number) => faults.filter((fault) => fault['line'] === line);
  expect(at(2)).toMatchObject([{ column: 8, path: 'title', got: '5', expected: 'a text' }]);
  expect(at(6)).toMatchObject([{ path: 'webhook.decode', got: '"jsn"', nearest: 'json' }]);
  expect(at(9)).toContainEqual(
    expect.objectContaining({
      column: 7,
      path: 'webhook.verify.hmac.algoritm',
      got: '"algoritm"',
      nearest: 'algorithm',
      file: 'integrations/staff/integration.yaml',
    }),
  );
  expect(at(10)).toMatchObject([
    { got: '"hexx"', expected: expect.stringContaining('"hex"|"base64"'), nearest: 'hex' },
  ]);
  const { output } = await folder.run(['validate', 'staff']);
  expect(output).toContain('got "hexx"; did you mean "hex"?\n');
  expect(output).toContain('did you mean "algorithm"?\n');
});

test('fails when a secret is not declared, and names the nearest declared one', async () => {
  writeIntegration(folder, { verify: '{ token: { value: "{header.X-Token}", expected: signing_secert } }' });
  expect(await faultsOf()).toMatchObject([
    { path: 'webhook.verify.token.expected', got: '"signing_secert"', nearest: 'signing_secret' },
  ]);
});

test('fails when a template reads an undeclared name, and names the nearest declared one', async () => {
  const message = '{var.tme}.{secret.signing_secert}.{body}';
  writeIntegration(folder, {
    verify: `{ hmac: { algorithm: sha256, encoding: hex, key: signing_secret, message: "${message}", signature: "{header.X}" } }`,
    more: ', vars: { time: { from: "{header.X-Time}" } }',
  });
  expect(await faultsOf()).toEqual([
    expect.objectContaining({ got: '"tme"', nearest: 'time' }),
    expect.objectContaining({ got: '"signing_secert"', nearest: 'signing_secret' }),
  ]);
});

test('fails when samples and expected events do not belong together or cannot be read', async () => {
  writeIntegration(folder);
  folder.write('integrations/staff/samples/lonely.json', { body: {} });
  folder.write('integrations/staff/samples/notes.txt', 'a note');
  folder.write('integrations/staff/expected/stray.json', []);
  folder.write('integrations/staff/expected/lonely.jsonn', []);
  folder.write('integrations/staff/samples/broken.json', '{\n  "body": ,\n}');
  folder.write('integrations/staff/expected/broken.json', {});
  const faults = (await faultsOf('staff')).map(
    ({ file, line, message }) => `${String(file).slice(19)}:${String(line)} ${String(message)}`,
  );
  expect(faults.sort()).toEqual([
    'expected/broken.json:1 got another value, expected a list of events',
    'expected/lonely.json:1 got no file, expected the events of the sample of this name',
    'expected/lonely.jsonn:1 got events without a sample, expected a sample of this name',
    'expected/stray.json:1 got events without a sample, expected a sample of this name',
    "samples/broken.json:2 expected JSON: Unexpected token ','",
    'samples/notes.txt:1 got a file that is not a sample, expected .json',
  ]);
});

test('asks for no sample where a definition that cannot be read has an API alone', async () => {
  folder.write('integrations/desk/integration.yaml', 'name: desk\ntitle: Desk\napi:\n  base_url: 7\n');
  const { output } = await folder.run(['validate', 'desk']);
  expect(output).toContain('api.base_url');
  expect(output).not.toContain('sample');
});

test('fails when a sample is not a request, or there is no sample', async () => {
  writeIntegration(folder, { sample: { heeders: {} } });
  expect(await faultsOf()).toMatchObject([
    { file: 'integrations/staff/samples/created.json', message: expect.stringContaining('heeders') },
  ]);
  folder.write('integrations/empty/mapping.jsonata', 'body');
  expect(await faultsOf('empty')).toMatchObject([
    { file: 'integrations/empty/integration.yaml', message: 'the folder has no such file' },
    { file: 'integrations/empty/samples', message: 'got no file, expected at least one sample' },
  ]);
});

describe('suggests the most likely name for', () => {
  const message = (text: string) =>
    `{ hmac: { algorithm: sha256, encoding: hex, key: signing_secret, message: "${text}", signature: "{header.X}" } }`;

  test.each([
    ['a source', '{bdy}', '{body}'],
    ['a source with a name', '{hedaer.X-Time}.{body}', '{header.X-Time}'],
    ['a header as one of several', '{headers.X-Time}.{body}', '{header.X-Time}'],
    ['a transform', '{body | shaa256}', 'sha256'],
  ])('%s', async (_, text, nearest) => {
    writeIntegration(folder, { verify: message(text) });
    expect(await faultsOf()).toMatchObject([{ path: 'webhook.verify.hmac.message', nearest }]);
    expect((await folder.run(['validate'])).output).toContain(`; did you mean "${nearest}"?`);
  });

  test('a source unlike any other: no suggestion', async () => {
    writeIntegration(folder, { verify: message('{cookie.session}') });
    expect((await faultsOf())[0]).not.toHaveProperty('nearest');
  });

  test('the name of a mapping', async () => {
    writeIntegration(folder);
    const home = 'integrations/staff/integration.yaml';
    const yaml = readFileSync(folder.path(home), 'utf8');
    for (const name of ['maping.jsonata', 'mapping.jsonta', 'mapping.json']) {
      folder.write(home, yaml.replace('mapping.jsonata', name));
      expect(await faultsOf()).toMatchObject([{ path: 'mapping', nearest: 'mapping.jsonata' }]);
    }
  });

  test('a key of a sample', async () => {
    writeIntegration(folder, { sample: { header: {} } });
    expect((await faultsOf())[0]?.['message']).toMatch(/Unrecognized key: "header"; did you mean "headers"\?$/);
  });
});
