/**
 * The soak: minutes of steady webhooks at half the rate that the engine sustains, beside an account whose records are
 * read and polled. Chaos strikes every request to AWS and every callback, both while that rate is measured and
 * afterwards. `npm run test:soak [-- --minutes 10]`
 *
 * It passes if every acknowledged event reaches its subscriber, unaltered and always under the same id; if the last
 * event of every polled record is what its provider has; if inputs equal the sum of outcomes; and if memory does not
 * grow after the first minute.
 */
/* oxlint-disable no-console -- it is a command line */
import { createHmac } from 'node:crypto';
import { parseArgs } from 'node:util';
import { localAdminKey, seedApiKey } from '../../lib/local/admin-key.ts';
import { startLocalEngine } from '../../lib/local/engine.ts';
import { createChaos, defaultChaosRates } from '../../lib/local/faults/chaos.ts';
import { startSteadyTraffic } from '../../lib/local/simulators/steady-traffic.ts';
import { removeSharedAssembly, sharedAssembly } from '../bench/shared-assembly.ts';
import { type SoakCrm, startSoakCrm } from './soak-crm.ts';
import { type CalledBack, startSoakSubscriber } from './soak-subscriber.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const soakMs = Number(values.minutes) * 60_000;
/** Events sent before the measurement, and events measured. */
const warmUpEvents = 1_000;
const measuredEvents = 1_500;
/**
 * The share of measured events that decides the rate. Chaos delays the last ones: a killed run of deliver holds up to
 * 250 events until their visibility timeout ends, and must not decide.
 */
const measuredShare = 0.75;
/** Allowed growth of memory over its size after a minute. */
const memoryTolerance = 0.1;
/** Longer than any visibility timeout or message delay. */
const stepMs = 16 * 60_000;
const maxSteps = 60;
const secret = 's3cret';

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface Seen {
  readonly ids: Set<string>;
  posts: number;
}

const seen = new Map<string, Seen>();
const wrong: string[] = [];
let bursts = 0;
let onArrival: (recordId: string) => void = () => {};

/**
 * Kills are rarer than by default: a killed function starts cold, which takes two cores most of a second, and at the
 * default rate this load would cause three kills a second. This rate causes one in some ten seconds.
 */
const rates = { ...defaultChaosRates, killed: 0.02 };
const chaos = createChaos(rates, Math.random);
/**
 * A 429 pauses the whole endpoint for the requested second, and it recovers slowly. At two a second the endpoint would
 * not receive this load. This rate causes one in some ten seconds.
 */
const subscriberRates = { ...rates, throttled: 0.05 };
const subscriberChaos = createChaos(subscriberRates, Math.random);
let isOver = false;

const strike = () => (isOver ? undefined : subscriberChaos.strike());

/** Compare an event with what was sent. */
function take(event: CalledBack): void {
  const record = String(event['record_id']);
  const data = event['data'] as CalledBack;
  if (data['id'] !== record || data['name'] !== record) wrong.push(`altered: ${JSON.stringify(event).slice(0, 300)}`);
  const one = seen.get(record) ?? { ids: new Set<string>(), posts: 0 };
  one.ids.add(String(event['id']));
  one.posts += 1;
  seen.set(record, one);
  onArrival(record);
}

const subscriber = await startSoakSubscriber(strike, take);
let crm: SoakCrm | undefined;
let failures: string[] = [];
const engine = await startLocalEngine({
  ...(await sharedAssembly()),
  port: 0,
  judgeCall: (call) => (isOver ? undefined : chaos.judge(call)),
});
try {
  failures = await soak();
} finally {
  await crm?.stop();
  await engine.stop();
  subscriber.stop();
  await removeSharedAssembly();
}
for (const failure of failures) console.log(`VIOLATION ${failure}`);
console.log(failures.length === 0 ? 'the soak passed' : `the soak failed: ${failures.length} violations`);
process.exitCode = failures.length === 0 ? 0 : 1;

async function soak(): Promise<string[]> {
  await seedApiKey(engine, localAdminKey, null);
  const accounts = await call('POST', '/v1/accounts', {
    tenant: 'soak',
    integration: 'generic-hmac',
    secrets: { signing_secret: secret },
  });
  const url = String(accounts['webhook_url']);
  const subscription = await call('POST', '/v1/subscriptions', {
    tenant: 'soak',
    url: subscriber.url,
    concurrency: 50,
  });
  subscriber.trust(String(subscription['secret']));
  const violations: string[] = [];
  const check = (holds: boolean, what: string) => {
    console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
    if (!holds) violations.push(what);
  };

  crm = await startSoakCrm({ call, nowMs: () => engine.now(), until, readFeed, check }, strike);

  await burst(url, warmUpEvents, 1);
  console.log(
    `chaos, in % of requests to AWS: ${JSON.stringify(rates)}; of callbacks: ${JSON.stringify(subscriberRates)}`,
  );
  chaos.begin();
  subscriberChaos.begin();
  const perSecond = await burst(url, measuredEvents, measuredShare);
  console.log(
    `saturated, with chaos: ${perSecond.toFixed(0)} events/s; the soak sends ${(perSecond / 2).toFixed(0)} a second`,
  );
  const before = warmUpEvents + measuredEvents;

  const traffic = startSteadyTraffic(url, secret, 2_000 / perSecond);
  onArrival = (record) => traffic.arrived(record);
  const startedMs = performance.now();
  const rssMb: number[] = [];
  while (performance.now() - startedMs < soakMs) {
    await pause(10_000);
    rssMb.push(process.memoryUsage().rss / 2 ** 20);
    const { accepted, resent, arrived, repeated, oldestSeconds } = traffic.report();
    console.log(
      `${Math.round((performance.now() - startedMs) / 1000)} s: ${accepted} accepted, ${resent} sent again, ${arrived} arrived, ` +
        `${repeated} repeated, oldest in flight ${oldestSeconds} s, ${rssMb.at(-1)?.toFixed(0)} MB; ${crm.report()}`,
    );
  }
  traffic.stop();
  crm.endChanges();
  subscriber.expectOtherTimes();
  isOver = true;
  console.log(
    `chaos has struck: ${JSON.stringify(chaos.counts())}, callbacks: ${JSON.stringify(subscriberChaos.counts())}`,
  );

  // Advance the clock to the times for which faults postponed work.
  for (let step = 0; step < maxSteps; step += 1) {
    await untilIdle();
    if (seen.size >= before + traffic.report().accepted) break;
    await engine.advanceClock(stepMs);
  }
  const feed = await readFeed('soak');
  const records = new Set(feed.map((event) => String(event['record_id'])));
  const { accepted, arrived, repeated } = traffic.report();
  const polled = await crm.verify();
  const unlike = [...wrong, ...subscriber.wrong, ...crm.wrong];
  check(unlike.length === 0, `${unlike.length} callbacks altered or not verified`);
  check(feed.length === records.size, `${feed.length} events in the feed, of ${records.size} records`);
  check(
    feed.every(({ sequence }, index) => index === 0 || Number(sequence) > Number(feed[index - 1]?.['sequence'])),
    'the feed is in order',
  );
  const lost = [...records].filter((record) => !seen.has(record)).length;
  const unpublished = [...seen.keys()].filter((record) => !records.has(record)).length;
  check(lost === 0, `${records.size} published, ${lost} of them lost on their way to the subscriber`);
  check(unpublished === 0, `${seen.size} arrived, ${unpublished} of them not in the feed`);
  check(arrived >= accepted, `${accepted} accepted in the soak, ${arrived} arrived, ${repeated} posts repeated`);
  check(
    [...seen.values()].every(({ ids }) => ids.size === 1),
    'every event arrived under one id, however often it arrived',
  );
  const sum = (service: string, ...names: readonly string[]) =>
    names.reduce((total, name) => total + engine.metrics.sum(name, { service }), 0);
  const settled = before + accepted + crm.accepted();
  const published = records.size + polled;
  const outcomes = [
    { what: 'requests accepted', inputs: settled, counted: sum('normalize', 'mapped'), by: 'mapped' },
    {
      what: 'thin events',
      inputs: sum('normalize', 'enriching'),
      counted: sum('enrich', 'published', 'duplicate', 'stale', 'unchanged', 'refused', 'coalesced'),
      by: 'ended',
    },
    {
      what: 'events stored',
      inputs: published,
      counted: sum('normalize', 'published') + sum('enrich', 'published') + sum('poll', 'published'),
      by: 'published',
    },
    {
      what: 'deliveries',
      inputs: published,
      counted:
        sum('deliver', 'delivered', 'filtered', 'dead-lettered') +
        sum('drain', 'delivered', 'filtered', 'dead-lettered'),
      by: 'ended',
    },
  ];
  for (const { what, inputs, counted, by } of outcomes)
    check(counted >= inputs, `${inputs} ${what}, ${counted} counted as ${by} (again if received again)`);
  const dead = sum('normalize', 'dead-lettered', 'unrouted') + sum('deliver', 'dead-lettered');
  check(dead + sum('enrich', 'dead-lettered') + sum('poll', 'dead-lettered') === 0, 'no dead letters');
  const [reference = 0] = rssMb.slice(5);
  const most = Math.max(...rssMb.slice(5));
  check(
    most <= reference * (1 + memoryTolerance),
    `memory after a minute ${reference.toFixed(0)} MB, at most ${most.toFixed(0)} MB later (${((100 * most) / reference - 100).toFixed(1)} %)`,
  );
  return violations;
}

async function call(method: string, path: string, body?: object): Promise<CalledBack> {
  const response = await fetch(`${engine.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${localAdminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as CalledBack;
}

/**
 * Send events as fast as the engine accepts them, and retry rejected ones.
 *
 * @returns Events per second, until the given share of them has arrived.
 */
async function burst(url: string, events: number, share: number): Promise<number> {
  bursts += 1;
  const prefix = `burst-${bursts}`;
  const arrivedBefore = seen.size;
  const startedMs = performance.now();
  let next = 0;
  const send = async () => {
    while (next < events) {
      next += 1;
      const id = `${prefix}-${next}`;
      const body = JSON.stringify([{ type: 'created', resource: 'crm/contacts', id, data: { id, name: id } }]);
      const time = String(Math.floor(engine.now() / 1000));
      const signature = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
      const headers = { 'content-type': 'application/json', 'x-timestamp': time, 'x-signature': signature };
      while (!(await fetch(url, { method: 'POST', headers, body })).ok) await pause(1_000);
    }
  };
  await Promise.all(Array.from({ length: 32 }, send));
  while (seen.size < arrivedBefore + events * share) await pause(20);
  return ((events * share) / (performance.now() - startedMs)) * 1000;
}

/** Wait until no function has worked for a moment. */
async function untilIdle(): Promise<void> {
  for (let quiet = 0; quiet < 50; quiet += 1) {
    await pause(20);
    if (engine.isAtWork()) quiet = 0;
  }
}

/** Let time pass until a condition holds: by itself, or for as long as faults postponed the work. */
async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let step = 0; step < maxSteps; step += 1) {
    for (let look = 0; look < 100; look += 1) {
      if (await holds()) return;
      await pause(100);
    }
    if (isOver) {
      await untilIdle();
      await engine.advanceClock(stepMs);
    }
  }
  throw new Error(`it never came: ${what}`);
}

async function readFeed(tenant: string): Promise<CalledBack[]> {
  const events: CalledBack[] = [];
  let cursor = '';
  for (;;) {
    const page = await call('GET', `/v1/events?tenant=${tenant}&limit=500${cursor}`);
    events.push(...(page['data'] as CalledBack[]));
    if (page['caught_up'] === true) return events;
    // A writer may have been killed with numbers of its own: readers skip them after a minute.
    if (cursor === `&cursor=${String(page['next_cursor'])}`) await engine.advanceClock(70_000);
    cursor = `&cursor=${String(page['next_cursor'])}`;
  }
}
