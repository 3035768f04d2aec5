import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createEventBridgeOperatorNotices } from '../../lambdas/adapters/aws/eventbridge-notices.ts';
import type { OperatorNotices } from '../../lambdas/ports/delivery/notices.ts';
import { startEventBus } from '../../lib/local/emulators/event-bus.ts';
import { createInMemoryNotices } from '../fakes/in-memory-notices.ts';
import { awsConfig } from './emulated-aws.ts';

type Notice = Parameters<OperatorNotices['send']>[0][number];

interface Notices {
  readonly notices: OperatorNotices;
  readonly sent: () => readonly Notice[];
}

async function openEventBridge() {
  const bus = await startEventBus(() => Date.parse('2026-11-21T12:00:00.000Z'));
  onTestFinished(() => bus.stop());
  return { bus, notices: createEventBridgeOperatorNotices({ ...awsConfig, endpoint: bus.endpoint }) };
}

const implementations: readonly (readonly [string, () => Promise<Notices>])[] = [
  [
    'the fake',
    async () => {
      const notices = createInMemoryNotices();
      return { notices, sent: () => notices.sent };
    },
  ],
  [
    'EventBridge',
    async () => {
      const { bus, notices } = await openEventBridge();
      const sent = () =>
        bus
          .events()
          .map(({ detailType, detail }) => ({ type: detailType as Notice['type'], detail: detail as object }));
      return { notices, sent };
    },
  ],
];

const aNotice = (number: number): Notice => ({
  type: 'subscription.disabling',
  detail: { subscription_id: `sub_${number}`, percent: 50, url: 'https://app.example.com/“hooks”' },
});

describe.each(implementations)('operator notices on %s', (_, open) => {
  test('arrive unchanged and in order, even more of them than one request takes', async () => {
    const { notices, sent } = await open();
    const all = Array.from({ length: 23 }, (_, index) => aNotice(index));
    await notices.send(all);
    await notices.send([]);
    expect(sent()).toEqual(all);
  });
});

test('a notice is an event on the default bus, from tributary, with its operational type', async () => {
  const { bus, notices } = await openEventBridge();
  await notices.send([aNotice(1)]);
  expect(bus.events()).toEqual([
    {
      id: expect.any(String),
      bus: 'default',
      source: 'tributary',
      detailType: 'subscription.disabling',
      detail: aNotice(1).detail,
      time: '2026-11-21T12:00:00.000Z',
    },
  ]);
});

/** An EventBridge that takes only the entries for which `takes` is true. */
async function startFailing(takes: (request: number, entry: number) => boolean) {
  const requests: { readonly Detail: string }[][] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { Entries } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      const number = requests.push(Entries);
      const results = Entries.map((_: unknown, index: number) =>
        takes(number, index)
          ? { EventId: `event-${number}-${index}` }
          : { ErrorCode: 'ThrottlingException', ErrorMessage: 'slow down' },
      );
      const FailedEntryCount = results.filter((result: object) => 'ErrorCode' in result).length;
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify({ FailedEntryCount, Entries: results }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { requests, notices: createEventBridgeOperatorNotices({ ...awsConfig, endpoint }) };
}

test('only the entries that a request did not take are sent again', async () => {
  const { requests, notices } = await startFailing((request, entry) => request > 1 || entry % 2 === 0);
  await notices.send([1, 2, 3, 4].map(aNotice));
  const ids = requests.map((entries) => entries.map(({ Detail }) => JSON.parse(Detail).subscription_id));
  expect(ids).toEqual([
    ['sub_1', 'sub_2', 'sub_3', 'sub_4'],
    ['sub_2', 'sub_4'],
  ]);
});

test('fails when the bus never takes an entry', async () => {
  const { requests, notices } = await startFailing(() => false);
  await expect(notices.send([aNotice(1)])).rejects.toMatchObject({ code: 'storage-unavailable', retryable: true });
  expect(requests).toHaveLength(4);
});
