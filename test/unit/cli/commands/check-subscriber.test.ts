import { expect, test } from 'vitest';
import { simulations } from '../../../../lambdas/engine/api/operations/subscription-operations.ts';
import { useIntegrationsFolder } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();
const route = 'http://localhost:8787/v1/subscriptions/sub_1/test';

/** Run the command against an engine that answers each situation; null is the ordinary test event. */
async function check(answerTo: (situation: string | null) => Response | object, ...argv: readonly string[]) {
  const asked: (string | null)[] = [];
  const result = await folder.run(['check-subscriber', 'sub_1', ...argv], {
    fetch: (url, { body }) => {
      expect(url).toBe(route);
      const { simulate = null } = JSON.parse(body as string) as { simulate?: string };
      asked.push(simulate);
      const answer = answerTo(simulate);
      return Promise.resolve(answer instanceof Response ? answer : Response.json(answer));
    },
  });
  return { ...result, asked };
}

const post = (status: number | null, error: string | null = null) => ({
  event_id: 'evt_1',
  type: 'record:updated',
  resource: 'hris/employees',
  passed: true,
  status,
  response: '',
  error,
  duration_ms: 12,
  request: null,
});
const test_ = (passed: boolean, ...posts: readonly object[]) => ({
  simulate: null,
  passed,
  expected: 'It rejects the callback.',
  posts,
});

test('tries a test event and every situation, and passes an endpoint that passes each', async () => {
  const { exitCode, output, asked } = await check(() => test_(true, post(204), post(204), post(200)));
  expect(asked).toEqual([null, ...simulations]);
  expect(exitCode).toBe(0);
  expect(output).toContain('ok   a test event   answered 204 (2 times), 200\n');
  expect(output).toContain('the endpoint passes\n');
});

test('names what failed, and what a receiver must do', async () => {
  const { exitCode, output } = await check((situation) =>
    situation === 'bad-signature' ? test_(false, post(200)) : test_(true, post(null, 'refused')),
  );
  expect(exitCode).toBe(1);
  expect(output).toContain('FAIL bad-signature  answered 200. Expected: It rejects the callback.\n');
  expect(output).toContain('1 situation failed\n');
});

test('leaves out what a destination in AWS cannot be tested for', async () => {
  const { exitCode, output } = await check((situation) =>
    situation === 'oversized'
      ? Response.json({ detail: 'A queue refuses nothing.' }, { status: 422 })
      : test_(true, post(200)),
  );
  expect(exitCode).toBe(0);
  expect(output).toContain(`--   oversized      not tested: ${route} answered 422: A queue refuses nothing.\n`);
});

test('prints the verdicts as JSON', async () => {
  const { output } = await check(() => test_(true, post(204)), '--json');
  const printed = JSON.parse(output) as { readonly passed: boolean; readonly verdicts: readonly object[] };
  expect(printed.passed).toBe(true);
  expect(printed.verdicts).toHaveLength(simulations.length + 1);
  expect(printed.verdicts[0]).toEqual({
    situation: null,
    passed: true,
    expected: 'It rejects the callback.',
    answers: [204],
  });
});

test('fails when the engine rejects the call', async () => {
  const { exitCode, output, asked } = await check(() => Response.json({ detail: 'There is none.' }, { status: 404 }));
  expect([exitCode, output, asked]).toEqual([1, `${route} answered 404: There is none.\n`, [null]]);
});
