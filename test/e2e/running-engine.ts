import { createHmac, randomUUID } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, inject, vi } from 'vitest';
import { localAdminKey, seedApiKey } from '../../lib/local/admin-key.ts';
import { type LocalEngine, type LocalEngineOptions, startLocalEngine } from '../../lib/local/engine.ts';
import { synthesizeLocalAssembly } from '../../lib/local/synthesize.ts';

/** Longer than any queue's visibility timeout and any writer's lease, so that lost work returns. */
const longerThanAnyVisibilityMs = 400_000;

export interface Callback {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: Record<string, unknown> & { readonly id: string };
}

/** A subscriber under test: records callbacks and answers them as configured. */
export interface Receiver {
  readonly url: string;
  readonly callbacks: readonly Callback[];
  /** Set the answer to the next callbacks. @default 204 */
  readonly answer: (with_: (callback: Callback, response: ServerResponse) => void) => void;
  /** Distinct ids of all callbacks. */
  readonly ids: () => ReadonlySet<string>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read answers without a schema
  readonly body: any;
}

/** An engine for the tests of one file, with helpers. */
export interface RunningEngine {
  readonly engine: LocalEngine;
  /** Call the API. */
  readonly call: (method: string, path: string, body?: unknown, key?: string) => Promise<Answer>;
  /** Create an account. @returns Its id and its webhook URL. */
  readonly account: (
    integration: string,
    options?: { tenant?: string; secret?: string; id?: string },
  ) => Promise<{ id: string; url: string }>;
  /** Start a receiver and subscribe it. */
  readonly subscriber: (options?: Record<string, unknown>) => Promise<Receiver & { id: string; webhook: Webhook }>;
  /** Post to a webhook URL. */
  readonly post: (url: string, body: string | Buffer, headers?: Record<string, string>) => Promise<Answer>;
  /** Post a signed GitHub `issues` webhook. */
  readonly github: (
    url: string,
    options?: { secret?: string; delivery?: string; issue?: number; padding?: number },
  ) => Promise<Answer>;
  /**
   * Verify a callback at the time of the engine's clock, which tests move ahead.
   *
   * @returns The event.
   * @throws {WebhookVerificationError}
   */
  readonly verify: (webhook: Webhook, callback: Pick<Callback, 'body' | 'headers'>) => unknown;
  /**
   * Wait until a condition holds. Advances the clock past visibility timeouts and retries if it does not hold by
   * itself.
   */
  readonly eventually: (holds: () => boolean | Promise<boolean>) => Promise<void>;
}

let deliveries = 0;

/**
 * @param settings - Settings of lib/config.ts, for which the file gets a stack of its own.
 * @param options - Read when the engine starts.
 * @param prepare - Changes a copy of the assembly before the engine starts.
 */
export function useRunningEngine(
  settings?: Readonly<Record<string, unknown>>,
  options: () => Partial<
    Pick<LocalEngineOptions, 'assemblyDir' | 'hosts' | 'onLog' | 'judgeCall' | 'accountConcurrency'>
  > = () => ({}),
  prepare?: (assemblyDir: string) => Promise<void>,
): () => RunningEngine {
  let running: RunningEngine;
  const undo: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    const shared = inject('assembly');
    const assembly =
      settings !== undefined
        ? await synthesizeWith(settings, undo)
        : prepare === undefined
          ? shared
          : { ...shared, assemblyDir: await copyOf(shared.assemblyDir, undo) };
    await prepare?.(assembly.assemblyDir);
    const engine = await startLocalEngine({ ...assembly, port: 0, ...options() });
    undo.push(() => engine.stop());
    await seedApiKey(engine, localAdminKey, null);
    running = createRunningEngine(engine, undo);
  });
  afterAll(async () => {
    for (const step of undo.reverse()) await step();
  });
  return () => running;
}

async function synthesizeWith(settings: Readonly<Record<string, unknown>>, undo: (() => Promise<void>)[]) {
  return synthesizeLocalAssembly(newFolder(undo), undefined, settings);
}

async function copyOf(assemblyDir: string, undo: (() => Promise<void>)[]): Promise<string> {
  const folder = newFolder(undo);
  await cp(assemblyDir, folder, { recursive: true });
  return folder;
}

/** Inside the project, so that bundles resolve their external modules. */
function newFolder(undo: (() => Promise<void>)[]): string {
  const folder = fileURLToPath(new URL(`../../.cache/e2e-${process.pid}-${randomUUID()}`, import.meta.url));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function createRunningEngine(engine: LocalEngine, undo: (() => Promise<void>)[]): RunningEngine {
  const send = async (
    method: string,
    url: string,
    headers: Record<string, string>,
    body?: string | Uint8Array<ArrayBuffer>,
  ): Promise<Answer> => {
    const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  const running: RunningEngine = {
    engine,
    call: (method, path, body, key = localAdminKey) =>
      send(
        method,
        `${engine.url}${path}`,
        { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body === undefined ? undefined : JSON.stringify(body),
      ),
    async account(integration, { tenant = 'acme', secret = 's3cret', id } = {}) {
      const answer = await running.call('POST', '/v1/accounts', {
        ...(id === undefined ? {} : { id }),
        tenant,
        integration,
        secrets: { signing_secret: secret },
      });
      if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
      return { id: answer.body.id, url: answer.body.webhook_url };
    },
    async subscriber(options = {}) {
      const receiver = await startReceiver(undo);
      const answer = await running.call('POST', '/v1/subscriptions', { tenant: 'acme', url: receiver.url, ...options });
      if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
      return Object.assign(receiver, { id: answer.body.id as string, webhook: new Webhook(answer.body.secret) });
    },
    post: (url, body, headers = {}) =>
      send(
        'POST',
        url,
        { 'content-type': 'application/json', ...headers },
        typeof body === 'string' ? body : new Uint8Array(body),
      ),
    github(url, { secret = 's3cret', delivery = `delivery-${++deliveries}`, issue = deliveries, padding = 0 } = {}) {
      // Each delivery says something else: what says the same is no event.
      const body = githubIssue(issue, padding, delivery);
      return running.post(url, body, {
        'x-github-event': 'issues',
        'x-github-delivery': delivery,
        'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      });
    },
    verify(webhook, { body, headers }) {
      const texts = Object.entries(headers).map(([name, value]) => [name, String(value)]);
      vi.useFakeTimers({ toFake: ['Date'], now: engine.now() });
      try {
        return webhook.verify(body, Object.fromEntries(texts));
      } finally {
        vi.useRealTimers();
      }
    },
    async eventually(holds) {
      let cause: unknown;
      for (let round = 0; round < 6; round += 1) {
        const held = await vi
          .waitFor(async () => {
            if (!(await holds())) throw new Error('not yet');
            return true;
          }, 2_500)
          .catch((error: unknown) => {
            cause = error;
            return false;
          });
        if (held) return;
        // A jump past the visibility of a message that a slow machine still works on would deliver it twice.
        await vi.waitFor(() => expect(engine.isAtWork()).toBe(false), 5_000).catch(() => undefined);
        await engine.advanceClock(longerThanAnyVisibilityMs);
      }
      throw new Error('the condition never held', { cause });
    },
  };
  return running;
}

/** The body of a GitHub `issues` webhook. */
export function githubIssue(issue: number, padding = 0, reason = 'none'): string {
  return JSON.stringify({
    action: 'opened',
    issue: {
      id: issue,
      number: issue,
      title: `Issue ${issue}`,
      body: 'x'.repeat(padding),
      state: 'open',
      state_reason: reason,
    },
    repository: { id: 1, full_name: 'northwind/orders' },
  });
}

async function startReceiver(undo: (() => Promise<void>)[]): Promise<Receiver> {
  const callbacks: Callback[] = [];
  let answer = (_: Callback, response: ServerResponse): void => void response.writeHead(204).end();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const callback = { headers: request.headers, body, event: JSON.parse(body) };
      callbacks.push(callback);
      answer(callback, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    callbacks,
    answer: (next) => {
      answer = next;
    },
    ids: () => new Set(callbacks.map(({ event }) => event.id)),
  };
}
