/** A provider, and endpoints that refuse some first attempts, in their own process. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { githubHeaders, githubIssue } from '../github-issue.ts';
import type {
  RefusalsMessage,
  RefusalsOrder,
  RefusalsPlan,
  RefusalsResult,
  RefusingEndpoint,
} from './refusals-protocol.ts';

interface Sent {
  readonly isRefusedFirst: boolean;
  accepted: boolean;
  posts: number;
  isTaken: boolean;
}

/** An endpoint, and all events that its provider sent. */
interface Endpoint extends RefusingEndpoint {
  readonly events: Map<string, Sent>;
  /** Events that have not been posted to it. */
  unposted: number;
  taken: number;
  posts: number;
  refused: number;
  underWay: number;
  mostAtATime: number;
}

const connections = 8;
const pollMs = 5;

let endpoints: Endpoint[] = [];
let answerMs = 0;
let isMeasured = false;
let records = 0;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const endpoint = endpoints[Number(request.url?.slice(1))];
    const text = (chunks[0] ?? Buffer.alloc(0)).toString('latin1', 0, 1_024);
    const event = endpoint?.events.get(/"record_id":"(\d+)"/.exec(text)?.[1] ?? '');
    if (endpoint === undefined || event === undefined) return response.writeHead(204).end();
    return receive(endpoint, event, (status) => response.writeHead(status).end());
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => send({ kind: 'listening', port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit(0));
process.on('message', (order: RefusalsOrder) => {
  run(order.plan).then(
    (results) => send({ kind: 'ended', results }),
    (error: Error) => send({ kind: 'failed', message: error.message }),
  );
});

function send(message: RefusalsMessage): void {
  process.send?.(message);
}

function receive(endpoint: Endpoint, event: Sent, answer: (status: number) => void): void {
  event.posts += 1;
  const isFirst = event.posts === 1;
  if (isFirst) endpoint.unposted -= 1;
  endpoint.underWay += 1;
  endpoint.mostAtATime = Math.max(endpoint.mostAtATime, endpoint.underWay);
  setTimeout(() => {
    endpoint.underWay -= 1;
    const isRefused = isFirst && event.isRefusedFirst;
    if (isMeasured) {
      endpoint.posts += 1;
      if (isRefused) endpoint.refused += 1;
      else if (!event.isTaken) endpoint.taken += 1;
    }
    if (!isRefused) event.isTaken = true;
    answer(isRefused ? 503 : 204);
  }, answerMs);
}

async function run(plan: RefusalsPlan): Promise<readonly RefusalsResult[]> {
  ({ answerMs } = plan);
  endpoints = plan.endpoints.map((endpoint) => ({
    ...endpoint,
    events: new Map(),
    unposted: 0,
    taken: 0,
    posts: 0,
    refused: 0,
    underWay: 0,
    mostAtATime: 0,
  }));
  const measuredFromMs = performance.now() + plan.warmUpMs;
  const endsAtMs = measuredFromMs + plan.measuredMs;
  const feeding = endpoints.map((endpoint) => feed(endpoint, plan, endsAtMs));
  await pause(plan.warmUpMs);
  isMeasured = true;
  await pause(plan.measuredMs);
  isMeasured = false;
  await Promise.all(feeding);
  const isOutstanding = (event: Sent) => event.accepted && !event.isTaken;
  const drainedByMs = performance.now() + plan.maxDrainMs;
  while (performance.now() < drainedByMs && endpoints.some(({ events }) => [...events.values()].some(isOutstanding)))
    await pause(100);
  return endpoints.map(({ events, taken, posts, refused, mostAtATime }) => ({
    accepted: [...events.values()].filter(({ accepted }) => accepted).length,
    taken,
    posts,
    refused,
    mostAtATime,
    outstanding: [...events.values()].filter(isOutstanding).length,
  }));
}

/** Keep more events in flight to an endpoint than it can handle. Events that wait for a retry do not count. */
async function feed(endpoint: Endpoint, plan: RefusalsPlan, endsAtMs: number): Promise<void> {
  const { origin, pathname } = new URL(endpoint.url);
  const pool = new Pool(origin, { connections, keepAliveTimeout: 60_000 });
  const answers = new Set<Promise<void>>();
  let dueRefusals = 0;
  while (performance.now() < endsAtMs) {
    if (endpoint.unposted >= plan.window || answers.size >= connections) {
      await pause(pollMs);
      continue;
    }
    records += 1;
    const record = records;
    // Spread refusals evenly, so that any number of events has the same share.
    dueRefusals += endpoint.share;
    const isRefusedFirst = dueRefusals >= 1;
    if (isRefusedFirst) dueRefusals -= 1;
    const event: Sent = { isRefusedFirst, accepted: false, posts: 0, isTaken: false };
    endpoint.events.set(String(record), event);
    endpoint.unposted += 1;
    const body = githubIssue(record, plan.bodyBytes);
    const headers = githubHeaders(record, body, plan.secret);
    const answer = pool
      .request({ method: 'POST', path: pathname, headers, body })
      .then(
        async (response) => {
          await response.body.dump();
          event.accepted = response.statusCode < 300;
        },
        () => {},
      )
      .then(() => {
        // A rejected event is never posted.
        if (!event.accepted && event.posts === 0) endpoint.unposted -= 1;
        answers.delete(answer);
      });
    answers.add(answer);
  }
  await Promise.all(answers);
  await pool.close();
}
