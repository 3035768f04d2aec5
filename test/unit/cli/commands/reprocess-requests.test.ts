import { describe, expect, test } from 'vitest';
import { useIntegrationsFolder } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();
const before = '2026-11-22T12:00:00.000Z';

interface Sent {
  readonly url: string;
  readonly method: string | undefined;
  readonly key: string | undefined;
}

/** Run the command against an engine that gives these answers in order, and repeats the last one. */
async function reprocess(argv: readonly string[], ...answers: readonly (Response | Error | object)[]) {
  const sent: Sent[] = [];
  const result = await folder.run(['reprocess', ...argv], {
    fetch: (url, { method, headers }) => {
      sent.push({ url, method, key: (headers as Record<string, string>)['authorization'] });
      const answer = answers[Math.min(sent.length, answers.length) - 1] ?? {};
      if (answer instanceof Error) return Promise.reject(answer);
      return Promise.resolve(answer instanceof Response ? answer.clone() : Response.json(answer));
    },
  });
  return { ...result, sent };
}

const done = (reprocessed: number, skipped = 0, more = false) => ({ reprocessed, skipped, more, before });
const problem = (status: number, detail: string) => Response.json({ status, detail }, { status });

test('reprocesses the dead letters of the local engine, with its key', async () => {
  expect(await reprocess(['github'], done(12))).toEqual({
    exitCode: 0,
    output: 'reprocessed 12 requests of github\n',
    sent: [
      {
        url: 'http://localhost:8787/v1/integrations/github/reprocess',
        method: 'POST',
        key: 'Bearer tk_local_admin',
      },
    ],
  });
});

test('repeats the call until no letter from before the start is left', async () => {
  const { exitCode, output, sent } = await reprocess(
    ['github', '--url', 'https://api.example/', '--key', 'tk_first_x'],
    done(10, 3, true),
    done(0, 9, true),
    { ...done(1, 4), before: '2026-11-22T13:00:00.000Z' },
  );
  expect([exitCode, output]).toEqual([
    0,
    'reprocessed 11 requests of github\nleft 4 dead letters: of other integrations, or dead-lettered since the start\n',
  ]);
  const route = 'https://api.example/v1/integrations/github/reprocess';
  expect(sent.map(({ url }) => url)).toEqual([
    route,
    `${route}?before=2026-11-22T12%3A00%3A00.000Z`,
    `${route}?before=2026-11-22T12%3A00%3A00.000Z`,
  ]);
  expect(new Set(sent.map(({ key }) => key))).toEqual(new Set(['Bearer tk_first_x']));
});

test('prints the counts as JSON', async () => {
  const { output } = await reprocess(['github', '--json'], done(2, 1));
  expect(JSON.parse(output)).toEqual({ integration: 'github', reprocessed: 2, skipped: 1, more: false });
});

test('fails, and ends, when the letters of other integrations come first', async () => {
  const { exitCode, output, sent } = await reprocess(['github'], done(1, 500, true), done(0, 3750, true));
  expect(exitCode).toBe(1);
  expect(output).toContain('reprocessed 1 request of github\nleft 3750 dead letters');
  expect(output).toContain('There may be more behind');
  expect(sent).toHaveLength(4);
});

test.each<[string, Response | Error, string]>([
  ['the key is wrong', problem(401, 'The key is not valid.'), 'answered 401: The key is not valid.'],
  ['there is no such integration', problem(404, 'There is no integration "github".'), 'answered 404: There is no'],
  ['the engine fails', new Response('oops', { status: 502 }), 'answered 502.'],
  ['it is not an engine', new Response('<html>', { status: 200 }), 'answered 200.'],
  ['it is another API', Response.json({ ok: true }), 'answered 200.'],
  ['it answers null', Response.json(null), 'answered 200.'],
  ['it redirects', new Response('', { status: 302 }), 'answered 302.'],
  [
    'it does not answer',
    new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }),
    'cannot be reached (ECONNREFUSED). Is "npm start" running?',
  ],
])('fails when %s, and reports the progress until then', async (_name, answer, message) => {
  const { exitCode, output } = await reprocess(['github'], done(7, 0, true), answer);
  expect(exitCode).toBe(1);
  expect(output).toMatch(/^reprocessed 7 requests, then:\n/);
  expect(output).toContain(message);
  expect(output).not.toContain('tk_local_admin');
  const json = await reprocess(['github', '--json'], done(7, 0, true), answer);
  expect(JSON.parse(json.output)).toMatchObject({ integration: 'github', reprocessed: 7 });
});

test.each([
  ['the URL is malformed', ['github', '--url', 'localhost:8787'], 'expected an http or https origin'],
  ['the URL has a query', ['github', '--url', 'https://a.example/?b'], 'expected an http or https origin'],
  ['there is no integration', [], 'Expected <integration>.'],
])('fails when %s, and sends nothing', async (_name, argv, message) => {
  const { exitCode, output, sent } = await reprocess(argv);
  expect(exitCode).toBe(2);
  expect(output).toContain(message);
  expect(sent).toEqual([]);
});

describe('a window of the archive', () => {
  const window = ['github', '--since', '2026-11-21T00:00:00Z', '--until', '2026-11-22T00:00:00Z'];
  const part = (found: number, isDryRun: boolean, next: string | null = null, skipped = 0) => ({
    reprocessed: isDryRun ? 0 : found,
    skipped,
    more: next !== null,
    dry_run: isDryRun,
    found,
    next_cursor: next,
  });
  const queriesOf = (sent: readonly { readonly url: string }[]) =>
    sent.map(({ url }) => Object.fromEntries(new URL(url).searchParams));
  const query = { since: '2026-11-21T00:00:00Z', until: '2026-11-22T00:00:00Z' };

  test('is counted, page by page, and nothing is sent', async () => {
    const { exitCode, output, sent } = await reprocess(
      [...window, '--account', 'acc_1'],
      part(7, true, 'a cursor'),
      part(5, true, null, 2),
    );
    expect(exitCode).toBe(0);
    expect(output).toBe(
      'found 12 requests of github\n2 requests can no longer be read: their accounts are closed\nNothing was sent. To send them, repeat with --until 2026-11-22T00:00:00Z --send.\n',
    );
    const first = { ...query, account: 'acc_1', dry_run: 'true' };
    expect(queriesOf(sent)).toEqual([first, { ...first, cursor: 'a cursor' }]);
  });

  test('is sent with --send', async () => {
    const { output, sent } = await reprocess([...window, '--send', '--json'], part(3, false));
    expect(JSON.parse(output)).toEqual({ integration: 'github', found: 3, reprocessed: 3, skipped: 0, dry_run: false });
    expect(queriesOf(sent)).toEqual([{ ...query, dry_run: 'false' }]);
  });

  test('fails when the engine rejects the call, and reports the progress until then', async () => {
    const { exitCode, output } = await reprocess([...window, '--send'], part(3, false, 'more'), problem(404, 'Gone.'));
    expect(exitCode).toBe(1);
    expect(output).toMatch(/^reprocessed 3 requests, then:\n.*answered 404: Gone\./);
  });

  test.each([[['--send']], [['--account', 'acc_1']], [['--until', '2026-11-22T00:00:00Z']]])(
    'fails for %j without a start, and sends nothing',
    async (options) => {
      const { exitCode, output, sent } = await reprocess(['github', ...options]);
      expect(exitCode).toBe(2);
      expect(output).toContain('set its start with --since');
      expect(sent).toEqual([]);
    },
  );
});
