import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { hasWebhook } from '../../../../../lambdas/engine/definition/has-webhook.ts';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import { mapRequestOffline } from '../../../../../lib/cli/explain/map-request-offline.ts';
import { compileIntegrations } from '../../../../../lib/definitions/compile-integrations.ts';
import { readExchanges } from '../../../../../lib/definitions/exchanges.ts';
import { readSamples, type Sample } from '../../../../../lib/definitions/samples.ts';
import { signRequest } from '../../../../../lib/definitions/sign-request.ts';
import { demoKeys, demoSecret } from '../../../../../lib/local/simulators/demo-keys.ts';
import { compileProvider } from '../../../../../lib/local/simulators/provider/compile-provider.ts';
import {
  type ProviderSimulator,
  type ProviderSimulatorOptions,
  startProviderSimulator,
} from '../../../../../lib/local/simulators/provider/provider-simulator.ts';
import { createProviderRecords } from '../../../../../lib/local/simulators/provider/records/provider-records.ts';
import {
  type SampleChange,
  sampleOf,
  webhookOf,
} from '../../../../../lib/local/simulators/provider/webhooks/sample-webhook.ts';
import { createManualClock } from '../../../../fakes/manual-clock.ts';
import { until } from '../../until.ts';
import { deskExchanges, simulatedDesk } from './simulated-desk.ts';

const tickets = 'ticketing/tickets';
const root = new URL('../../../../../integrations/', import.meta.url);
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

const desk: Definition = {
  ...simulatedDesk,
  secrets: { signing_secret: 'The secret.' },
  mapping: 'body',
  webhook: {
    decode: 'json',
    vars: {},
    verify: {
      hmac: {
        algorithm: 'sha256',
        encoding: 'hex',
        key: 'signing_secret',
        message: '{body}',
        signature: '{header.X-Sign}',
      },
    },
    reply: { accepted: { status: 200 }, rejected_status: 401, rejected_body: 'problem' },
    handshakes: [],
    delivery_id: '{header.X-Delivery}',
  },
} as unknown as Definition;

const sample: Sample = {
  integration: 'desk',
  name: 'ticket-updated',
  request: {
    method: 'POST',
    url: 'https://hooks.example.com/in/desk',
    path: '/',
    query: '',
    headers: { 'content-type': 'application/json', 'x-delivery': 'first' },
    body: Buffer.from(JSON.stringify({ ticket: 7, link: '/tickets/7', at: 1_795_000_000, other: 70 })),
  },
  expected: [
    {
      type: 'record:updated',
      resource: tickets,
      record_id: '7',
      occurred_at: '2026-11-18T11:06:40.000Z',
      thin: true,
      data: {},
    },
  ],
};

interface Received {
  readonly delivery: string;
  readonly isSigned: boolean;
  readonly body: { readonly ticket: number; readonly link: string; readonly at: number; readonly other: number };
}

async function receive(status = 200) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const signature = createHmac('sha256', demoSecret).update(text).digest('hex');
      received.push({
        delivery: String(request.headers['x-delivery']),
        isSigned: request.headers['x-sign'] === signature,
        body: JSON.parse(text),
      });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in/desk/acc_1` };
}

async function start(webhooks: ProviderSimulatorOptions['webhooks'], samples: readonly Sample[] = [sample]) {
  const simulator: ProviderSimulator = await startProviderSimulator({
    definition: desk,
    exchanges: deskExchanges,
    samples,
    records: 5,
    clock: createManualClock(),
    ...(webhooks === undefined ? {} : { webhooks: { spreadMs: 2, lateMs: 2, ...webhooks } }),
  });
  closing.push(() => simulator.stop());
  return simulator;
}

describe('a change', () => {
  test('is told by a signed webhook with its own id, time and delivery', async () => {
    const { received, url } = await receive();
    const simulator = await start({ url });
    await simulator.change(tickets, '9');
    await simulator.add(tickets);
    await simulator.remove(tickets, '8');
    await until(() => received.length === 3);
    expect(received.every(({ isSigned }) => isSigned)).toBe(true);
    expect(new Set(received.map(({ delivery }) => delivery)).size).toBe(3);
    const told = received.find(({ body }) => body.ticket === 9);
    const atSeconds = Date.parse('2026-11-21T12:00:00Z') / 1000;
    expect(told?.body).toEqual({ ticket: 9, link: '/tickets/9', at: atSeconds, other: 70 });
    expect(simulator.stats().webhooks).toMatchObject({ sent: 3, refused: 0, unsent: 0 });
  });

  test('may be told twice, late, or never', async () => {
    const { received, url } = await receive();
    const simulator = await start({ url, doublePercent: 30, latePercent: 30, losePercent: 30 });
    for (let change = 0; change < 40; change += 1) await simulator.change(tickets, '7');
    await until(() => {
      const { sent, doubled, lost } = simulator.stats().webhooks;
      return sent === 40 - lost + doubled && received.length === sent;
    });
    const { doubled, late, lost } = simulator.stats().webhooks;
    for (const count of [doubled, late, lost]) expect(count).toBeGreaterThan(3);
    expect(new Set(received.map(({ delivery }) => delivery)).size).toBe(40 - lost);
  });

  test('that nobody takes, or that no sample tells, is counted', async () => {
    const { url } = await receive(500);
    const simulator = await start({ url });
    await simulator.change(tickets, '7');
    await simulator.add('crm/companies');
    await until(() => simulator.stats().webhooks.refused === 1);
    expect(simulator.stats().webhooks).toMatchObject({ sent: 1, unsent: 1 });
  });

  test('of a deleted record is not told by a sample that carries a whole record', async () => {
    const whole = { ...sample, expected: [{ ...sample.expected?.[0], thin: undefined }] };
    const { received, url } = await receive();
    const simulator = await start({ url }, [whole]);
    await simulator.remove(tickets, '7');
    expect(simulator.stats().webhooks).toMatchObject({ unsent: 1 });
    await simulator.change(tickets, '8');
    await until(() => received.length === 1);
  });
});

describe('the samples of the shipped integrations', () => {
  const definitions = [...compileIntegrations(root).values()].filter(hasWebhook).filter(({ api }) => api !== undefined);
  let told = 0;

  test.each(definitions.map((definition) => [definition.name, definition] as const))(
    'of %s tell of the changes of other records, so that the engine maps them',
    async (name, definition) => {
      const nowMs = Date.parse('2026-11-29T12:00:00Z');
      const samples = readSamples(root, name);
      const keys = demoKeys(definition);
      const faults: string[] = [];
      for (const change of await someChanges(definition, nowMs)) {
        const fitting = sampleOf(samples, change);
        if (fitting === undefined) continue;
        const request = signRequest(
          definition,
          webhookOf(definition, fitting, change, 'delivery-1', nowMs),
          keys,
          nowMs,
        );
        const mapped = await mapRequestOffline(definition, request, keys.secrets, nowMs);
        const events = mapped.kind === 'mapped' ? mapped.events : [];
        const isTold = events.some(
          ({ resource, record_id: id }) => change.resources.includes(resource) && id === change.record.id,
        );
        told += isTold ? 1 : 0;
        if (!isTold) faults.push(`${fitting.name}: ${change.kind} ${change.record.id}`);
      }
      expect(faults).toEqual([]);
    },
  );

  test('tell of most changes', () => {
    expect(told).toBeGreaterThanOrEqual(137);
  });
});

/** A change and a removal of a record of each resource. */
async function someChanges(definition: Definition, nowMs: number): Promise<readonly SampleChange[]> {
  const changes: SampleChange[] = [];
  const { stores } = await compileProvider(definition, readExchanges(fileURLToPath(root), definition.name));
  const onChange = (change: SampleChange) => void changes.push(change);
  const records = createProviderRecords({ definition, stores, nowMs: () => nowMs, onChange });
  await records.fill(4);
  for (const resource of stores.keys()) {
    const last = records.api.records(resource).at(-1);
    if (last === undefined) continue;
    await records.api.change(resource, last.id);
    await records.api.remove(resource, last.id);
  }
  return changes;
}
