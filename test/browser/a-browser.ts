import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import chromium from '@sparticuz/chromium';
import { type Browser, type BrowserContext, chromium as driver, type Page, type Request } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFailed } from 'vitest';
import { localAdminKey } from '../../lib/local/admin-key.ts';
import type { RunningEngine } from '../e2e/running-engine.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** The machine's browser, else the one inside an npm package. */
async function browserPath(): Promise<string> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const own = folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));
  return own ?? chromium.executablePath();
}

/** A page of the console under test. */
export interface ConsolePage {
  readonly page: Page;
  /** Calls of the API so far, such as `GET /v1/accounts?limit=20`. */
  readonly calls: readonly string[];
  /** What the browser reported: errors of scripts, and what the policy refused. */
  readonly faults: readonly string[];
  /** Go to a page of the console, such as `/deliveries`. */
  readonly goto: (path: string) => Promise<void>;
}

export interface OpenOptions {
  readonly theme?: 'light' | 'dark';
  readonly width?: number;
  /** Whether several tests use the page: each asks for `keepShots` itself. @default false */
  readonly isShared?: boolean;
}

export interface Console {
  /** A page that is not signed in. */
  readonly open: (options?: OpenOptions) => Promise<ConsolePage>;
  /** A page of the operator. */
  readonly asOperator: (options?: OpenOptions) => Promise<ConsolePage>;
  /** A page of a partner, by a portal link. */
  readonly asPartner: (
    tenant: string,
    scopes?: readonly string[],
  ) => Promise<ConsolePage & { readonly session: string }>;
}

const patienceMs = 10_000;

/** A browser for the tests of one file. Each page has storage of its own. */
export function useConsole(running: () => RunningEngine): () => Console {
  let browser: Browser | undefined;
  const contexts: BrowserContext[] = [];
  beforeAll(async () => {
    // Its other arguments would switch off what keeps origins apart, which these tests are about.
    browser = await driver.launch({ executablePath: await browserPath(), args: ['--no-sandbox'], headless: true });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
  });
  const open = async ({ theme = 'light', width = 1280, isShared = false }: OpenOptions = {}, base = '/console') => {
    if (browser === undefined) throw new Error('no browser');
    const context = await browser.newContext({ locale: 'en-US', colorScheme: theme, viewport: { width, height: 900 } });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(patienceMs);
    if (!isShared) keepShots(page);
    const calls: string[] = [];
    const faults: string[] = [];
    page.on('request', (request) => calls.push(...callOf(request)));
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      // What the API refuses is logged by the browser, and shown by the page.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        faults.push(message.text());
    });
    return {
      page,
      calls,
      faults,
      goto: async (path: string) =>
        void (await page.goto(`${running().engine.url}${base}${path.replace(/^\/(?=\?|$)/, '')}`)),
    };
  };
  return () => ({
    open,
    async asOperator(options) {
      const opened = await open(options);
      await opened.goto('/');
      await signIn(opened.page);
      return opened;
    },
    async asPartner(tenant, scopes = ['admin']) {
      const made = await running().call('POST', '/v1/portal-sessions', {
        tenant,
        scopes,
        return_url: 'https://app.example.com/settings',
      });
      expect(made.status).toBe(201);
      const opened = await open({}, `/console/p/${made.body.id}`);
      await opened.page.goto(made.body.url.replace(/^https?:\/\/[^/]+/, running().engine.url));
      await opened.page.getByRole('navigation', { name: 'Pages' }).waitFor();
      return { ...opened, session: made.body.id };
    },
  });
}

/** Keep what the test sees, should it fail. */
export function keepShots(page: Page): void {
  const shots = process.env['TRIBUTARY_SCREENSHOTS'];
  if (shots === undefined) return;
  onTestFailed(async () => void (await page.screenshot({ path: join(shots, `${Date.now()}.png`), fullPage: true })));
}

export async function signIn(page: Page, key = localAdminKey): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

function callOf(request: Request): readonly string[] {
  const url = new URL(request.url());
  return url.pathname.startsWith('/v1/') ? [`${request.method()} ${url.pathname}${url.search}`] : [];
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds, each as a line. */
export async function barriersOn(page: Page): Promise<readonly string[]> {
  // The policy of the page lets no inline script run; the driver's own evaluation does.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { violations } = await (
      globalThis as unknown as {
        axe: { run: () => Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }> };
      }
    ).axe.run();
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ html }) => `${id}: ${help}: ${html.slice(0, 200)}`),
    );
  });
}
