import { expect, test } from 'vitest';
import { useIntegrationsFolder } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();

/** Run the command against an engine that gives these answers in order. */
async function collisions(argv: readonly string[], ...answers: readonly (Response | object)[]) {
  const urls: string[] = [];
  const result = await folder.run(['collisions', ...argv], {
    fetch: (url) => {
      urls.push(url);
      const answer = answers[urls.length - 1] ?? {};
      return Promise.resolve(answer instanceof Response ? answer : Response.json(answer));
    },
  });
  return { ...result, urls };
}

const collision = (value: string) => ({
  integration: 'hubspot',
  value,
  accounts: [
    { id: 'acc_1', tenant: 'acme' },
    { id: 'acc_2', tenant: 'globex' },
  ],
});
const route = 'http://localhost:8787/v1/context-collisions?limit=500';

test('lists the collisions of all pages, empty ones between them', async () => {
  expect(
    await collisions(
      [],
      { data: [collision('1')], next_cursor: 'a' },
      { data: [], next_cursor: 'b' },
      { data: [collision('a b')], next_cursor: null },
    ),
  ).toEqual({
    exitCode: 1,
    output:
      'hubspot "1": acc_1 of acme, acc_2 of globex\nhubspot "a b": acc_1 of acme, acc_2 of globex\n' +
      '2 values have accounts of several tenants\n',
    urls: [route, `${route}&cursor=a`, `${route}&cursor=b`],
  });
});

test('reports that there are no collisions', async () => {
  const { exitCode, output } = await collisions([], { data: [], next_cursor: null });
  expect([exitCode, output]).toEqual([0, '0 values have accounts of several tenants\n']);
});

test('prints them as JSON', async () => {
  const { output } = await collisions(['--json'], { data: [collision('1')], next_cursor: null });
  expect(JSON.parse(output)).toEqual({ collisions: [collision('1')] });
});

test('fails when the engine rejects the call', async () => {
  const { exitCode, output } = await collisions([], Response.json({ detail: 'No.' }, { status: 403 }));
  expect([exitCode, output]).toEqual([1, `${route} answered 403: No.\n`]);
});
