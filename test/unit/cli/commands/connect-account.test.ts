import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { operations } from '../../../../lambdas/engine/api/operations.ts';
import { nowMs, useIntegrationsFolder } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();

const { getAccount } = operations;
const url = 'https://login.desk.example/authorize?state=s';
const expiresAt = new Date(nowMs + 30 * 60_000).toISOString();
const account = (change: object) => ({ ...getAccount.example.answer, id: 'acc_desk', integration: 'desk', ...change });
const disconnected = account({ status: 'disconnected', credentials: null });
const active = account({
  status: 'active',
  credentials: { type: 'oauth2', expires_at: '2026-11-22T13:00:00.000Z', updated_at: '2026-11-22T12:00:01.000Z' },
});

interface World {
  /** What the engine answers to the start of a consent. */
  readonly start?: Response;
  /** What the owner does once the consent has started; `finish` is what the engine does when the provider leads back. */
  readonly owner?: (returnUrl: string, finish: () => void) => Promise<unknown>;
  /** Where waiting ends. */
  readonly pause?: (ms: number, signal: AbortSignal, interrupt: () => void) => Promise<void>;
}

async function connect(argv: readonly string[], { start, owner = async () => {}, pause = untilAborted }: World = {}) {
  const interrupted = new AbortController();
  const asked: string[] = [];
  let printed = '';
  let current = disconnected;
  const result = await folder.run(['connect', 'acc_desk', ...argv], {
    print: (text) => {
      printed += text;
    },
    interruption: () => interrupted.signal,
    pause: (ms, signal) => pause(ms, signal, () => interrupted.abort()),
    async fetch(to, { method = '', body }) {
      asked.push(`${method} ${new URL(to).pathname}`);
      if (method === 'GET') return Response.json(current);
      if (start !== undefined) return start;
      const { return_url: returnUrl } = JSON.parse(body as string) as { readonly return_url: string };
      void owner(returnUrl, () => {
        current = active;
      });
      return Response.json({ url, expires_at: expiresAt });
    },
  });
  return { ...result, printed, asked };
}

function untilAborted(_: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve());
    if (signal.aborted) resolve();
  });
}

const comeBack = (status: string) => async (returnUrl: string, finish: () => void) => {
  if (status === 'connected') finish();
  await fetch(`${returnUrl}?status=${status}&account=acc_desk`);
};

test('prints the URL, waits for the owner on loopback, and tells that the account is connected', async () => {
  const { exitCode, output, printed, asked } = await connect([], {
    owner: async (returnUrl, finish) => {
      expect(returnUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{16}$/);
      // A page that guesses the port ends nothing.
      expect((await fetch(new URL('/?status=connected', returnUrl))).status).toBe(404);
      expect((await fetch(`${returnUrl}?status=other`)).status).toBe(404);
      finish();
      const page = await fetch(`${returnUrl}?status=connected`);
      expect(await page.text()).toContain('The account is connected.');
    },
  });
  expect(printed).toBe(`open ${url}\n`);
  expect({ exitCode, output }).toEqual({
    exitCode: 0,
    output: 'connected: acc_desk is active, its token expires at 2026-11-22T13:00:00.000Z\n',
  });
  expect(asked).toEqual([
    'GET /v1/accounts/acc_desk',
    'POST /v1/accounts/acc_desk/connect',
    'GET /v1/accounts/acc_desk',
  ]);
});

test('prints lines for programs with --json', async () => {
  const { output, printed } = await connect(['--json'], { owner: comeBack('connected') });
  expect(JSON.parse(printed)).toEqual({
    url,
    return_url: expect.stringContaining('http://127.0.0.1:'),
    expires_at: expiresAt,
  });
  expect(JSON.parse(output)).toEqual({
    account: 'acc_desk',
    result: 'connected',
    status: 'active',
    token_expires_at: '2026-11-22T13:00:00.000Z',
  });
});

test('listens at a loopback URL of its user', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  const argv = ['--return-url', `http://127.0.0.1:${port}/done`];
  expect(await connect(argv)).toMatchObject({ exitCode: 2, output: expect.stringContaining('(EADDRINUSE)') });
  await new Promise((resolve) => taken.close(resolve));
  const used: string[] = [];
  const { exitCode } = await connect(argv, {
    owner: async (returnUrl, finish) => {
      used.push(returnUrl);
      await comeBack('connected')(returnUrl, finish);
    },
  });
  expect({ exitCode, used }).toEqual({ exitCode: 0, used: [`http://127.0.0.1:${port}/done`] });
});

test('looks at the account where the owner goes on elsewhere', async () => {
  let looks = 0;
  let finished = () => {};
  const { exitCode, output } = await connect(['--return-url', 'https://app.example.com/done'], {
    owner: async (_, finish) => {
      finished = finish;
    },
    pause: async (ms, signal) => {
      if (ms > 60_000) return untilAborted(ms, signal);
      looks += 1;
      if (looks === 3) finished();
    },
  });
  expect({ exitCode, looks }).toEqual({ exitCode: 0, looks: 3 });
  expect(output).toContain('connected: acc_desk is active');
});

test('fails when the owner comes back without a connection, not in time, or at Ctrl-C', async () => {
  expect(await connect([], { owner: comeBack('failed') })).toMatchObject({
    exitCode: 1,
    output: 'not connected: the page that the engine showed says why; acc_desk is disconnected\n',
  });
  expect(await connect([], { pause: async () => {} })).toMatchObject({
    exitCode: 1,
    output: 'not connected: the owner did not come back in time; acc_desk is disconnected\n',
  });
  expect(await connect([], { pause: async (_, __, interrupt) => interrupt() })).toMatchObject({
    exitCode: 1,
    output: 'interrupted: acc_desk is disconnected\n',
  });
});

test.each([
  [
    'the deployment does not allow the origin',
    { detail: 'The body is invalid.', errors: [{ path: 'return_url', message: 'expected a URL' }] },
    'Allow the origin in the setting connectReturnOrigins',
  ],
  [
    'the settings have no client',
    { detail: 'Not supported: the settings of "desk" have no OAuth client.' },
    'PUT /v1/integrations/desk/settings',
  ],
])('fails when %s, and says what to do', async (_, problem, hint) => {
  const { exitCode, output } = await connect([], { start: Response.json(problem, { status: 422 }) });
  expect(exitCode).toBe(1);
  expect(output).toContain(problem.detail);
  expect(output).toContain(hint);
});

test.each([
  ['is no URL', 'app.example.com'],
  ['needs a certificate', 'https://localhost:3000/done'],
])('fails when the return URL %s', async (_, given) => {
  expect(await connect(['--return-url', given])).toMatchObject({
    exitCode: 2,
    output: expect.stringContaining(`--return-url: got "${given}", expected `),
  });
});
