import { createHash } from 'node:crypto';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import { createConsoleHandler } from '../../../lambdas/functions/console/handler.ts';
import { consoleFiles } from '../../../lib/constructs/console-files.ts';
import { apiKey } from '../../fakes/in-memory-api-keys.ts';

const built = consoleFiles();
const listing = JSON.parse(Buffer.from(built.get('files.json') ?? []).toString('utf8')) as Record<
  string,
  { readonly contentType: string; readonly digest: string }
>;
const content = (path: string) => Buffer.from(built.get(path) ?? []);
const nowMs = Date.parse('2026-11-21T12:00:00Z');

function aConsole(origins: readonly string[] = []) {
  const portal = {
    returnUrl: 'https://app.example.com/',
    origins,
    codeSha256: '',
    maker: { keyId: 'all', secretSha256: '' },
  };
  const keys = new Map([
    ['psopen', apiKey('psopen', 'x', 'acme', { portal, expiresAtMs: nowMs + 1 })],
    ['psover', apiKey('psover', 'x', 'acme', { portal, expiresAtMs: nowMs })],
    ['key', apiKey('key', 'x', 'acme')],
  ]);
  const handle = createConsoleHandler({
    files: {
      find: async (path: string) =>
        Object.hasOwn(listing, path)
          ? { ...listing[path], plain: content(path), gzip: content(`${path}.gz`), br: content(`${path}.br`) }
          : undefined,
    } as never,
    sessions: { find: async (id) => (id === 'psfails' ? Promise.reject(new Error('no')) : keys.get(id)) },
    clock: { nowMs: () => nowMs },
    log: { warn: () => undefined } as never,
  });
  return (rawPath: string, headers: Readonly<Record<string, string>> = {}) =>
    handle({ rawPath, headers } as unknown as APIGatewayProxyEventV2);
}

const scripts = Object.keys(listing).filter((path) => path.endsWith('.js'));
const index = content('index.html').toString('utf8');

describe('the console', () => {
  test.each(['/console', '/console/', '/console/deliveries', '/console/events/evt_1', '/console/p/psopen/accounts'])(
    'answers %s with its page, which is asked for anew each time',
    async (path) => {
      const answer = await aConsole()(path);
      expect(answer).toMatchObject({ statusCode: 200, headers: { 'cache-control': 'no-cache' } });
      expect(Buffer.from(answer.body ?? '', 'base64').toString('utf8')).toBe(index);
    },
  );

  test('serves its files in the encoding that a browser takes, for good', async () => {
    const [path = ''] = scripts;
    const ask = (encodings: string) => aConsole()(`/console/${path}`, { 'accept-encoding': encodings });
    const [br, gzip, plain] = [await ask('gzip, deflate, br'), await ask('gzip;q=0.5, br;q=0'), await ask('identity')];
    expect(br.headers).toMatchObject({
      'content-encoding': 'br',
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
    });
    const bytes = (answer: typeof br) => Buffer.from(answer.body ?? '', 'base64');
    expect(brotliDecompressSync(bytes(br))).toEqual(content(path));
    expect(gunzipSync(bytes(gzip))).toEqual(content(path));
    expect(bytes(plain)).toEqual(content(path));
    expect(plain.headers).not.toHaveProperty('content-encoding');
    expect(new Set([br, gzip, plain].map(({ headers }) => headers?.['etag'])).size).toBe(3);
    const again = await aConsole()(`/console/${path}`, {
      'accept-encoding': 'br',
      'if-none-match': String(br.headers?.['etag']),
    });
    expect(again).toMatchObject({ statusCode: 304 });
    expect(again.body).toBeUndefined();
  });

  test.each([
    '/console/assets/none.js',
    '/console/assets/../index.html',
    '/console/assets/__proto__',
    '/console/assets/',
  ])('has no file %s', async (path) => {
    await expect(aConsole()(path)).rejects.toMatchObject({ problem: { status: 404 } });
  });

  test('lets nothing run but its own files, and is shown in no frame', async () => {
    const { headers } = await aConsole(['https://app.example.com'])('/console');
    const policy = String(headers?.['content-security-policy']);
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(index).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|style=/);
  });

  test.each([
    ['psopen', 'https://app.example.com https://other.example.com'],
    ['psover', "'none'"],
    ['key', "'none'"],
    ['psunknown', "'none'"],
    ['psfails', "'none'"],
  ])('of the session %s is shown in frames of %s', async (id, ancestors) => {
    const origins = ['https://app.example.com', 'https://other.example.com'];
    const { headers } = await aConsole(origins)(`/console/p/${id}/`);
    expect(headers?.['content-security-policy']).toMatch(new RegExp(`frame-ancestors ${ancestors}$`));
  });
});

test('a stored origin that would end the directive is left out', async () => {
  const { headers } = await aConsole(['https://a;report-uri', 'https://*', 'https://good.example'])(
    '/console/p/psopen/',
  );
  expect(headers?.['content-security-policy']).toMatch(/frame-ancestors https:\/\/good\.example$/);
});

/** First load: what a browser needs before it shows a page, charts apart. */
const firstLoadBytes = 60_000;

test(`the first load takes at most ${firstLoadBytes} bytes compressed`, () => {
  const named = [...index.matchAll(/(?:src|href)="\/console\/([^"]+)"/g)].map(([, path = '']) => path);
  expect(named.some((path) => path.endsWith('.js'))).toBe(true);
  // The overview is the first page, with what it imports.
  const overview = scripts.filter((path) => path.includes('overview'));
  const files = new Set(['index.html', ...named, ...overview.flatMap((path) => [path, ...importsOf(path)])]);
  const bytes = [...files].reduce((sum, path) => sum + content(`${path}.br`).byteLength, 0);
  expect(overview).not.toEqual([]);
  expect(bytes).toBeLessThanOrEqual(firstLoadBytes);
});

/** Static imports, and those of the files that they name. */
function importsOf(path: string): readonly string[] {
  const found = [
    ...content(path)
      .toString('utf8')
      .matchAll(/(?:from|import)\s*"\.\/([\w.-]+\.js)"/g),
  ].map(([, name]) => `assets/${name}`);
  return found.flatMap((name) => [name, ...importsOf(name)]);
}

test('each file is named by its content', () => {
  for (const path of Object.keys(listing).filter((name) => name.startsWith('assets/')))
    expect(path).toMatch(/-[\w-]{8}\.\w+$/);
  const digest = createHash('sha256').update(content('index.html')).digest('base64url').slice(0, 16);
  expect(listing['index.html']?.digest).toBe(digest);
});
