/** A provider and a subscriber in their own process, so that they do not burden the engine's event loop. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { githubHeaders, githubIssue } from '../github-issue.ts';
import type { Hanging, TrafficMessage, TrafficOrder, TrafficPlan, TrafficResult } from './protocol.ts';
import { quantile } from './quantile.ts';

/** The record of an event. Times are of `performance.now()`. */
interface Sent {
  readonly sentAtMs: number;
  answeredAtMs: number;
  accepted: boolean;
  /** Place in the run. */
  readonly index: number;
  /** Number of callbacks by subscription. */
  readonly callbacks: number[];
  /** From the request to the first callback of each subscription. */
  readonly deliveriesMs: number[];
  arrivedAtMs: number;
}

const events = new Map<string, Sent>();
let unknownCallbacks = 0;
/** Called when an event has reached all of its subscribers. */
let onComplete = () => {};
let subscriptions = 1;
let hanging: Hanging | undefined;
const answersLate = (index: number, event: Sent | undefined) =>
  hanging !== undefined && index === hanging.subscription && (event?.index ?? 0) >= hanging.fromEvent;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const index = Number(request.url?.slice(1));
    // Do not parse: a body of 64 KB would cost this process more than the engine's own work.
    const text = (chunks[0] ?? Buffer.alloc(0)).toString('latin1', 0, 1_024);
    const event = events.get(/"record_id":"(\d+)"/.exec(text)?.[1] ?? '');
    const isLate = answersLate(index, event);
    if (isLate) setTimeout(() => response.writeHead(204).end(), hanging?.answersAfterMs);
    else response.writeHead(204).end();
    if (event === undefined) {
      unknownCallbacks += 1;
      return;
    }
    event.callbacks[index] = (event.callbacks[index] ?? 0) + 1;
    if (index === hanging?.subscription) return;
    if (event.callbacks[index] === 1) event.deliveriesMs.push(performance.now() - event.sentAtMs);
    if (event.arrivedAtMs === 0 && event.deliveriesMs.length === subscriptions - (hanging === undefined ? 0 : 1)) {
      event.arrivedAtMs = performance.now();
      onComplete();
    }
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => send({ kind: 'listening', port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit(0));
process.on('message', (order: TrafficOrder) => {
  run(order.plan).then(
    (result) => send({ kind: 'ended', result }),
    (error: Error) => send({ kind: 'failed', message: error.message }),
  );
});

function send(message: TrafficMessage): void {
  process.send?.(message);
}

async function run(plan: TrafficPlan): Promise<TrafficResult> {
  events.clear();
  unknownCallbacks = 0;
  subscriptions = plan.subscriptions;
  hanging = plan.hanging;
  const accounts = plan.urls.map((url) => new URL(url));
  const paths = accounts.map(({ pathname }) => pathname);
  const pool = new Pool(accounts[0]?.origin ?? '', { connections: plan.connections, keepAliveTimeout: 60_000 });
  const requests = Array.from({ length: plan.events }, (_, index) => sign(plan, plan.firstRecord + index));
  let completed = 0;
  let wake = () => {};
  onComplete = () => {
    completed += 1;
    wake();
  };
  const until = async (holds: () => boolean, endsAtMs: number) => {
    while (!holds() && performance.now() < endsAtMs)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        wake = () => (clearTimeout(timer), resolve());
      });
  };

  const startedAtMs = performance.now();
  const endsAtMs = startedAtMs + plan.maxMs;
  const answers: Promise<void>[] = [];
  let waiting = 0;
  for (const [index, { record, headers, body }] of requests.entries()) {
    // At a rate, each event has its time, whether earlier ones were answered or not. Without one, a window limits
    // events in flight.
    if (plan.ratePerSecond === undefined)
      await until(() => index - completed < plan.window && waiting < plan.connections, endsAtMs);
    else {
      const waitMs = startedAtMs + (index * 1_000) / plan.ratePerSecond - performance.now();
      if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    if (performance.now() >= endsAtMs) break;
    const event: Sent = {
      sentAtMs: performance.now(),
      answeredAtMs: 0,
      accepted: false,
      index,
      deliveriesMs: [],
      callbacks: Array.from({ length: subscriptions }, () => 0),
      arrivedAtMs: 0,
    };
    events.set(record, event);
    waiting += 1;
    answers.push(
      pool.request({ method: 'POST', path: paths[index % paths.length] ?? '/', headers, body }).then(
        async (answer) => {
          await answer.body.dump();
          event.answeredAtMs = performance.now();
          event.accepted = answer.statusCode < 300;
          waiting -= 1;
          wake();
        },
        () => {
          waiting -= 1;
          wake();
        },
      ),
    );
  }
  await Promise.all(answers);
  const answeredMs = performance.now() - startedAtMs;
  const all = [...events.values()];
  const accepted = all.filter((event) => event.accepted);
  await until(() => completed >= accepted.length, performance.now() + plan.maxDrainMs);
  await pool.close();

  const arrived = accepted.filter(({ arrivedAtMs }) => arrivedAtMs > 0);
  const lastArrivalMs = Math.max(...arrived.map(({ arrivedAtMs }) => arrivedAtMs), startedAtMs + 1);
  const callbacks = accepted.map((event) => event.callbacks.filter((_, index) => index !== hanging?.subscription));
  return {
    sent: all.length,
    accepted: accepted.length,
    received: callbacks.flat().filter((count) => count > 0).length,
    lost: callbacks.flat().filter((count) => count === 0).length,
    doubled: callbacks.flat().reduce((sum, count) => sum + Math.max(0, count - 1), 0),
    unknown: unknownCallbacks,
    answeredMs,
    totalMs: lastArrivalMs - startedAtMs,
    endToEndMs: quantiles(arrived.map((event) => event.arrivedAtMs - event.sentAtMs)),
    deliveryMs: quantiles(accepted.flatMap((event) => event.deliveriesMs)),
    answerMs: quantiles(accepted.map((event) => event.answeredAtMs - event.sentAtMs)),
  };
}

function quantiles(values: number[]): TrafficResult['endToEndMs'] {
  values.sort((one, other) => one - other);
  return { p50: quantile(values, 0.5), p95: quantile(values, 0.95), p99: quantile(values, 0.99) };
}

function sign({ secret, bodyBytes }: TrafficPlan, id: number) {
  const body = githubIssue(id, bodyBytes);
  return { record: String(id), body, headers: githubHeaders(id, body, secret) };
}
