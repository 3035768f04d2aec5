import { createHmac, randomUUID } from 'node:crypto';
import { backlogPartitions, deliveryPartitions } from '../../lambdas/adapters/dynamo/rows/delivery-rows.ts';
import { runKey } from '../../lambdas/adapters/dynamo/rows/fetch-rows.ts';
import { fromSyncRow, syncPrefix } from '../../lambdas/adapters/dynamo/rows/sync-rows.ts';
import { parkedPartitions } from '../../lambdas/adapters/dynamo/stores/parked-requests.ts';
import type { SyncRow } from '../../lambdas/ports/sync/sync-store.ts';
import { createCallInjector, type PlannedFault } from './call-injector.ts';
import type { Answer, FaultEngine, QueueDepth, Row } from './fault-engine.ts';
import type { Leftovers } from './leftovers.ts';
import type { Post, Subscriber } from './subscribers.ts';
import { createTestProvider, readResources, type TestProvider } from './test-provider.ts';

/** A record that must have exactly one event in the feed: the expected result of a provider's request. */
export interface ExpectedEvent {
  readonly account: string;
  readonly resource: string;
  readonly recordId: string;
  /** Most events that the record may have: webhooks that come late make none. @default 1 */
  readonly atMost?: number;
  /** Least events that it may have. @default 1 */
  readonly atLeast?: number;
  /** Types of exactly the events that it must have, in their order. */
  readonly types?: readonly string[];
  /** Title of the record at the provider: the last event must have it. */
  readonly title?: string;
}

export interface TestSubscriber extends Subscriber {
  readonly id: string;
  /** The secrets that must verify its posts, each from a certain post on. */
  readonly secrets: readonly { readonly secret: string; readonly fromPost: number }[];
  /** Add a secret that must verify all posts after the first `posts`. */
  holdAfter(posts: number, secret: string): void;
}

export interface TestAccount {
  readonly id: string;
  readonly url: string;
  readonly integration: string;
}

/** A webhook of a provider, and the events that it must become. */
export interface Webhook {
  readonly url: string;
  readonly body: string;
  readonly headers: (nowMs: number, body: string) => Readonly<Record<string, string>>;
  readonly events: readonly ExpectedEvent[];
}

/**
 * One run of a scenario: a tenant of its own, a provider that retries webhooks, a caller that retries API calls,
 * subscribers, and a clock that the run drives.
 */
export interface FaultRun {
  readonly tenant: string;
  /** A number unique to this run. */
  readonly number: number;
  readonly accounts: readonly TestAccount[];
  readonly subscribers: readonly TestSubscriber[];
  /** The events that the feed must hold at the end. */
  readonly expected: readonly ExpectedEvent[];
  /** The fault that this run plays; undefined for a run without one. */
  readonly planned: PlannedFault | undefined;
  /** The provider that the run's accounts call. */
  readonly provider: TestProvider;
  /** Part of a query: the types of events that the run's subscribers want, where they name some. */
  readonly typesQuery: () => string;
  /** Expect an event that no webhook of the run names. */
  expect(event: ExpectedEvent): void;
  /** How many requests of providers were answered with 2xx. */
  readonly accepted: () => number;
  account(integration: string, options?: Readonly<Record<string, unknown>>): Promise<TestAccount>;
  subscriber(options?: Readonly<Record<string, unknown>>): Promise<TestSubscriber>;
  /** A subscriber that gets its events from a stream in its own AWS account. */
  streamSubscriber(): Promise<TestSubscriber>;
  /** From now on calls are counted, and one of them fails. */
  faultsBegin(): void;
  /** From now on nothing fails. */
  faultsEnd(): void;
  /** Send a webhook until it is accepted, as a provider does. */
  send(webhook: Webhook): Promise<void>;
  /** Call the API until the answer is not a failure. */
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Call the API once. @returns Undefined where the answer is lost. */
  callOnce(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer | undefined>;
  /** Open a page once, as a browser does. @returns Undefined where the answer is lost. */
  visit(path: string): Promise<Awaited<ReturnType<FaultEngine['visit']>> | undefined>;
  /** Reads of an account's records that wait, and its runs that are to be looked at. */
  readsOf(account: TestAccount): Promise<readonly Row[]>;
  /** The engine's rows of an account's syncs. */
  syncsOf(account: TestAccount): Promise<readonly SyncRow[]>;
  /** Delete the run's syncs, so that none of them runs beside later runs of the engine. */
  deleteSyncs(): Promise<void>;
  /** Wait until no work is left, and advance the clock past waiting times. */
  settle(): Promise<QueueDepth>;
  /** Wait until no function works, without advancing the clock. */
  untilIdle(): Promise<void>;
  letTimePass(ms: number): Promise<void>;
  /** Advance the clock by exactly this much. */
  advance(ms: number): Promise<void>;
  /** Kill the function, in the middle of what it does. */
  kill(functionName: string): void;
  /** The engine's clock. */
  nowMs(): number;
  /** Read the feed from the last position to its current end. */
  readOn(): Promise<void>;
  /** The events that `readOn` has read. */
  readonly read: readonly Row[];
  deliveriesOf(subscriber: TestSubscriber): Promise<readonly Row[]>;
  backlogOf(subscriber: TestSubscriber): Promise<readonly Row[]>;
  /** Requests that wait for an account, by the value with which they name it. */
  parkedUnder(integration: string, value: string): Promise<readonly Row[]>;
  readonly leftovers: Leftovers;
  /** The engine's state of a subscriber's endpoint. */
  endpointOf(subscriber: TestSubscriber): Promise<Row | undefined>;
}

export const signingSecret = 's3cret';

/** Tries per request before the provider gives up. */
const maxSends = 8;
/** Longer than any visibility timeout or message delay, so that every queued message becomes visible. */
const stepMs = 16 * 60_000;
/**
 * Steps after which remaining work counts as stuck: longer than the waits after four failed attempts (some 3.6 hours by
 * the default schedule with jitter), which a fault on top of a failing endpoint can cause.
 */
const maxSteps = 20;

/** Pages per call of `readOn`. */
const maxPages = 50;

let runs = 0;

/** @param countsDispatch - Whether the calls of dispatch belong to the scenario. */
export async function createFaultRun(
  fault: FaultEngine,
  options: { readonly planned?: PlannedFault | undefined; readonly countsDispatch?: boolean | undefined },
): Promise<FaultRun> {
  runs += 1;
  const number = process.pid * 10_000 + runs;
  const tenant = `t${number}`;
  await fault.takeKey(tenant);
  const accounts: TestAccount[] = [];
  const subscribers: TestSubscriber[] = [];
  const expected: ExpectedEvent[] = [];
  const read: Row[] = [];
  let cursor: string | undefined;
  let accepted = 0;
  let typesQuery = '';

  const rowsIn = async (
    partitions: readonly string[],
    [table, key]: readonly [table: 'deliveriesTable' | 'parkedRequestsTable', key: string] = [
      'deliveriesTable',
      'subscription',
    ],
  ): Promise<readonly Row[]> => (await Promise.all(partitions.map((one) => fault.partition(table, key, one)))).flat();
  const isPending = async (subscriber: TestSubscriber): Promise<boolean> => {
    const [deliveries, backlog, endpoint] = await Promise.all([
      run.deliveriesOf(subscriber),
      run.backlogOf(subscriber),
      run.endpointOf(subscriber),
    ]);
    const waits = deliveries.some(({ state }) => state === 'waiting' || state === 'retrying');
    return waits || backlog.length > 0 || endpoint?.['hasBacklog'] === true;
  };
  const isSyncing = async (account: TestAccount): Promise<boolean> => {
    if (readResources[account.integration] === undefined) return false;
    const rows = await run.syncsOf(account);
    return rows.some(({ lease, dueAtMs = Number.POSITIVE_INFINITY, state }) => {
      const { isPaused, current, suspended, wanted, news = [] } = state;
      if (lease !== undefined || news.length > 0) return true;
      const waits = current !== undefined || suspended !== undefined || wanted.length > 0;
      return !isPaused && (waits || dueAtMs <= fault.engine.now());
    });
  };
  /** Reads of an account whose credentials are refused wait for others; its tenant must know. */
  const isUnread = async (account: TestAccount): Promise<boolean> => {
    if (readResources[account.integration] === undefined) return false;
    const stored = await fault.item('credentialsTable', { account: { S: account.id } });
    const failed = stored?.['failed'] as { readonly isTold?: boolean } | undefined;
    if (stored?.['recovered'] !== undefined || (failed !== undefined && failed.isTold !== true)) return true;
    return failed === undefined && (await run.readsOf(account)).length > 0;
  };

  const run: FaultRun = {
    tenant,
    number,
    accounts,
    subscribers,
    expected,
    planned: options.planned,
    provider: createTestProvider(fault.provider, `${tenant}_`, () => fault.engine.now()),
    typesQuery: () => typesQuery,
    expect: (event) => void expected.push(event),
    accepted: () => accepted,
    async account(integration, more = {}) {
      const answer = await fault.call('POST', '/v1/accounts', {
        tenant,
        integration,
        secrets: { signing_secret: signingSecret },
        // Paths of syncs add one themselves.
        ...(readResources[integration] === undefined ? {} : { syncs: 'off' }),
        ...more,
      });
      if (answer.status !== 201) throw new Error(`the account was not created: ${JSON.stringify(answer.body)}`);
      const account = { id: answer.body.id as string, url: answer.body.webhook_url as string, integration };
      accounts.push(account);
      return account;
    },
    async subscriber(more = {}) {
      const name = `s${subscribers.length + 1}`;
      const receiver = fault.subscribers.add(`${tenant}/${name}`, () => fault.injector?.strike(`callback.${name}`));
      const answer = await fault.call('POST', '/v1/subscriptions', { tenant, url: receiver.url, ...more });
      if (answer.status !== 201) throw new Error(`the subscription was not created: ${JSON.stringify(answer.body)}`);
      if (Array.isArray(more['types'])) typesQuery = `&types=${more['types'].join(',')}`;
      const secrets = [{ secret: answer.body.secret as string, fromPost: 0 }];
      const subscriber: TestSubscriber = {
        ...receiver,
        id: answer.body.id as string,
        secrets,
        holdAfter: (fromPost, secret) => void secrets.push({ secret, fromPost }),
      };
      subscribers.push(subscriber);
      return subscriber;
    },
    async streamSubscriber() {
      // Of the same names in each run, because they are part of the names of calls.
      const stream_arn = 'arn:aws:kinesis:eu-west-1:222222222222:stream/events';
      const role_arn = 'arn:aws:iam::222222222222:role/tributary-events';
      const destination = { type: 'kinesis', stream_arn, role_arn };
      const answer = await fault.call('POST', '/v1/subscriptions', { tenant, destination });
      if (answer.status !== 201) throw new Error(`the subscription was not created: ${JSON.stringify(answer.body)}`);
      fault.engine.subscribers.createStream(stream_arn);
      fault.engine.subscribers.createRole({
        arn: role_arn,
        externalId: answer.body.destination.external_id,
        statements: [{ effect: 'Allow', actions: ['kinesis:PutRecord'], resources: [stream_arn] }],
      });
      const subscriber: TestSubscriber = {
        url: stream_arn,
        id: answer.body.id as string,
        get posts() {
          return fault.engine.subscribers.records().flatMap(({ data }) => postIn(data.toString(), tenant));
        },
        answerWith: () => undefined,
        secrets: [{ secret: answer.body.secret as string, fromPost: 0 }],
        holdAfter: () => undefined,
      };
      subscribers.push(subscriber);
      return subscriber;
    },
    faultsBegin() {
      fault.injector = createCallInjector(
        fault.nameOf,
        ({ caller, operation }) =>
          (caller !== 'dispatch' || options.countsDispatch === true) &&
          (caller !== 'poller' || operation === 'DeleteMessageBatch'),
        options.planned,
      );
    },
    faultsEnd() {
      fault.injector?.end();
    },
    async send({ url, body, headers, events }) {
      for (let sends = 0; sends < maxSends; sends += 1) {
        const answer = await fault.post(url, body, headers(fault.engine.now(), body)).catch(() => undefined);
        const isAccepted = answer !== undefined && answer.status >= 200 && answer.status < 300;
        if (isAccepted) accepted += 1;
        else if (answer !== undefined && answer.status < 500)
          throw new Error(`a webhook was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
        if (fault.injector?.strike('provider.POST') === 'answer-lost') continue;
        if (!isAccepted) continue;
        expected.push(...events);
        return;
      }
      throw new Error(`a webhook was not accepted in ${maxSends} tries`);
    },
    async call(method, path, body, headers) {
      for (let calls = 0; calls < maxSends; calls += 1) {
        const answer = await run.callOnce(method, path, body, headers);
        if (answer !== undefined && answer.status < 500) return answer;
      }
      throw new Error(`${method} ${path} failed ${maxSends} times`);
    },
    async callOnce(method, path, body, headers) {
      const answer = await fault.call(method, path, body, headers).catch(() => undefined);
      const isLost = fault.injector?.strike(`caller.${method}.${nameOfPath(path)}`) === 'answer-lost';
      return isLost ? undefined : answer;
    },
    async visit(path) {
      const page = await fault.visit(path).catch(() => undefined);
      return fault.injector?.strike(`caller.VISIT.${nameOfPath(path)}`) === 'answer-lost' ? undefined : page;
    },
    async readsOf({ id, integration }) {
      const queues = (readResources[integration] ?? []).map((resource) => `${id}#${resource}`);
      const rows = await Promise.all(queues.map((queue) => fault.partition('fetchesTable', 'queue', queue)));
      // A run without a time waits for nothing.
      return rows.flat().filter(({ record, dueAtMs }) => record !== runKey || dueAtMs !== undefined);
    },
    async syncsOf({ id }) {
      const rows = await fault.partition('syncsTable', 'account', id);
      return rows.filter(({ row }) => String(row).startsWith(syncPrefix)).map(fromSyncRow);
    },
    async deleteSyncs() {
      for (const account of accounts)
        for (const { sync } of readResources[account.integration] === undefined ? [] : await run.syncsOf(account))
          await fault.call('DELETE', `/v1/accounts/${account.id}/syncs/${sync}`);
    },
    async settle() {
      for (let step = 0; ; step += 1) {
        const depth = await fault.untilIdle();
        const isQuiet = depth.inFlight + depth.delayed === 0;
        const isLeft = await Promise.all([
          ...subscribers.map(isPending),
          ...accounts.map(isUnread),
          ...accounts.map(isSyncing),
        ]);
        if (isQuiet && !isLeft.includes(true)) return depth;
        if (step === maxSteps) throw new Error(`something still waits after ${(maxSteps * stepMs) / 60_000} minutes`);
        await fault.letTimePass(stepMs);
        if (!isQuiet) await fault.untilNoticed(depth);
      }
    },
    async untilIdle() {
      await fault.untilIdle();
    },
    letTimePass: (ms) => fault.letTimePass(ms),
    advance: (ms) => fault.engine.advanceClock(ms),
    kill: (name) => void fault.engine.killWorker(name),
    nowMs: () => fault.engine.now(),
    read,
    async readOn() {
      for (let caughtUp = false, pages = 0; !caughtUp && pages < maxPages; pages += 1) {
        const after = cursor === undefined ? '' : `&cursor=${cursor}`;
        const { status, body } = await run.call('GET', `/v1/events?tenant=${tenant}&limit=2${typesQuery}${after}`);
        if (status !== 200) throw new Error(`the feed was answered with ${status}`);
        read.push(...body.data);
        // A page that stops before a gap says that more follows, and returns the same cursor.
        caughtUp = body.caught_up || body.next_cursor === cursor;
        cursor = body.next_cursor;
      }
    },
    endpointOf: ({ id }) => fault.item('limitsTable', { id: { S: `endpoint#${id}` } }),
    leftovers: fault.leftovers,
    parkedUnder: (integration, value) =>
      rowsIn(parkedPartitions(integration, value), ['parkedRequestsTable', 'context']),
    deliveriesOf: ({ id }) => rowsIn(deliveryPartitions(id)),
    backlogOf: ({ id }) => rowsIn(backlogPartitions(id)),
  };
  return run;
}

/** The last part of a path names a call; of an id only its kind, which is the same in each run. */
function nameOfPath(path: string): string {
  const last = path.split('?')[0]?.split('/').at(-1) ?? '';
  return last.replace(/^(acc|sub|run)_.*$/, '$1');
}

/** A GitHub `issues` webhook: one event. */
export function githubWebhook(
  { id, url }: TestAccount,
  options: { readonly issue: number; readonly delivery?: string; readonly padding?: number },
): Webhook {
  const { issue, delivery = randomUUID(), padding = 0 } = options;
  return {
    url,
    body: JSON.stringify({
      action: 'opened',
      issue: { id: issue, number: issue, title: `Issue ${issue}`, body: 'x'.repeat(padding), state: 'open' },
      repository: { id: 1, full_name: 'northwind/orders' },
    }),
    headers: (_, body) => ({
      'x-github-event': 'issues',
      'x-github-delivery': delivery,
      'x-hub-signature-256': `sha256=${createHmac('sha256', signingSecret).update(body).digest('hex')}`,
    }),
    events: [{ account: id, resource: 'ticketing/tickets', recordId: String(issue) }],
  };
}

/**
 * A webhook that tells of an issue as it was at a minute.
 *
 * @param last - The minute of the issue's last change, and how many webhooks tell of it.
 */
export function issueWebhook(
  { id, url }: TestAccount,
  { issue, minute }: { readonly issue: number; readonly minute: number },
  last: { readonly minute: number; readonly webhooks: number },
): Webhook {
  const titleAt = (of: number) => `Issue ${issue} at ${of}`;
  return {
    url,
    body: JSON.stringify({
      action: minute === 1 ? 'opened' : 'edited',
      issue: {
        id: issue,
        number: issue,
        title: titleAt(minute),
        state: 'open',
        updated_at: `2026-11-21T10:${String(minute).padStart(2, '0')}:00Z`,
      },
      repository: { id: 1, full_name: 'northwind/orders' },
    }),
    headers: (_, body) => ({
      'x-github-event': 'issues',
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': `sha256=${createHmac('sha256', signingSecret).update(body).digest('hex')}`,
    }),
    // Expected once for the record, however many webhooks tell of it.
    events:
      minute === last.minute
        ? [
            {
              account: id,
              resource: 'ticketing/tickets',
              recordId: String(issue),
              atMost: last.webhooks,
              title: titleAt(minute),
            },
          ]
        : [],
  };
}

/** A request of a self-made sender, with one event per record. */
export function batchWebhook({ id, url }: TestAccount, records: readonly number[], resource = 'crm/contacts'): Webhook {
  return {
    url,
    body: JSON.stringify(
      records.map((record) => ({
        type: 'created',
        resource,
        id: String(record),
        data: { id: String(record), name: `Contact ${record}` },
      })),
    ),
    headers: (nowMs, body) => {
      const time = String(Math.floor(nowMs / 1000));
      const signature = createHmac('sha256', signingSecret).update(`${time}.${body}`).digest('hex');
      return { 'x-timestamp': time, 'x-signature': signature };
    },
    events: records.map((record) => ({ account: id, resource, recordId: String(record) })),
  };
}

/** An Intercom webhook on the shared URL, for the workspace in an account's context. */
export function sharedWebhook(url: string, account: string, workspace: number, contact: number): Webhook {
  const item = { id: String(contact), type: 'contact', deleted: true };
  return {
    url,
    body: JSON.stringify({
      id: `notif_${workspace}_${contact}`,
      app_id: workspace,
      topic: 'contact.deleted',
      data: { item },
    }),
    headers: (_, body) => ({
      'x-hub-signature': `sha1=${createHmac('sha1', signingSecret).update(body).digest('hex')}`,
    }),
    events: [{ account, resource: 'crm/contacts', recordId: String(contact) }],
  };
}

/** A HiBob webhook on the shared URL, signed with the secret of the account that its company belongs to. */
export function accountWebhook(url: string, account: string, company: number, employee: number): Webhook {
  return {
    url,
    body: JSON.stringify({ companyId: company, type: 'employee.deleted', data: { employeeId: String(employee) } }),
    headers: (_, body) => ({ 'bob-signature': createHmac('sha512', signingSecret).update(body).digest('base64') }),
    events: [{ account, resource: 'hris/employees', recordId: String(employee) }],
  };
}

/** The callback in a record of a stream; none if it is another tenant's. */
function postIn(record: string, tenant: string): readonly Post[] {
  const { headers, body } = JSON.parse(record) as { headers: Post['headers']; body: { tenant: string } };
  return body.tenant === tenant ? [{ headers, body: record.slice(record.indexOf(',"body":') + 8, -1) }] : [];
}
