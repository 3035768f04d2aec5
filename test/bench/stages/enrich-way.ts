import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { fromItem, type Row } from '../../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { localAdminKey, seedApiKey } from '../../../lib/local/admin-key.ts';
import { type LocalEngine, startLocalEngine } from '../../../lib/local/engine.ts';
import type { GatedCall } from '../../../lib/local/faults/gated-call.ts';
import { sharedAssembly } from '../shared-assembly.ts';

/** Thin events of HubSpot through the local engine, which reads each record from a stand-in of its API. */
export interface EnrichWay {
  /**
   * Send one webhook with this many thin events, and wait until they are delivered with their records.
   *
   * @returns The AWS requests of all functions and pollers on the way.
   */
  run(events: number): Promise<readonly GatedCall[]>;
  /** Stored rows of a table, by its key in the environment of enrich. */
  rows(tableKey: string): Promise<readonly Row[]>;
  /** Name of a resource, by its key in the environment of enrich. */
  nameOf(key: string): string;
  stop(): Promise<void>;
}

const portalId = 4_400_981;
const secret = 's3cret';
const lookMs = 20;

export async function startEnrichWay(): Promise<EnrichWay> {
  let calls: GatedCall[] = [];
  const engine = await startLocalEngine({
    ...(await sharedAssembly()),
    port: 0,
    // One instance of each function keeps its caches, as one that has been warm for a while.
    maxSandboxesPerFunction: 1,
    judgeCall: (call) => void calls.push(call),
  });
  const provider = await listen((request, response) => response.end(JSON.stringify(answerTo(request.url ?? ''))));
  let delivered = 0;
  const subscriber = await listen((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      if ((JSON.parse(text) as { readonly thin?: true }).thin !== true) delivered += 1;
      response.writeHead(204).end();
    });
  });
  await seedApiKey(engine, localAdminKey, null);
  await send(engine, 'PUT', '/v1/integrations/hubspot/settings', { secrets: { signing_secret: secret } });
  await send(engine, 'POST', '/v1/accounts', {
    tenant: 'acme',
    integration: 'hubspot',
    context: { portal_id: String(portalId) },
    base_url: provider.url,
    credentials: { type: 'bearer', token: 'pat-eu1-t0ken' },
  });
  await send(engine, 'POST', '/v1/subscriptions', { tenant: 'acme', url: subscriber.url });
  const environment = engine.environment('enrich');
  const nameOf = (key: string) => (environment[key] ?? '').split('/').at(-1) ?? '';
  const dynamodb = new DynamoDBClient(engine.clientConfig('dynamodb'));
  let records = 0;
  return {
    async run(events) {
      calls = [];
      const until = delivered + events;
      const isDone = () => delivered >= until && !engine.isAtWork();
      const first = records + 1;
      records += events;
      await postWebhook(engine, first, events);
      while (!isDone()) await sleep(lookMs);
      return calls;
    },
    async rows(tableKey) {
      const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName: nameOf(tableKey) }));
      return Items.map(fromItem);
    },
    nameOf,
    async stop() {
      dynamodb.destroy();
      await engine.stop();
      await Promise.all([provider.stop(), subscriber.stop()]);
    },
  };
}

/** HubSpot's answers to the test of credentials, and to the read of a contact. */
function answerTo(path: string): object {
  const id = /\/contacts\/(\d+)/.exec(path)?.[1];
  if (id === undefined) return { portalId };
  const at = new Date().toISOString();
  const properties = { firstname: 'Inês', lastname: `Duarte ${id}`, email: `${id}@northwind.example`, city: 'Lisboa' };
  return { id, properties, createdAt: at, updatedAt: at, archived: false };
}

async function postWebhook(engine: LocalEngine, first: number, events: number): Promise<void> {
  const url = `${engine.url}/in/hubspot`;
  const body = JSON.stringify(
    Array.from({ length: events }, (_, index) => ({
      eventId: first + index,
      subscriptionId: 771_206,
      portalId,
      occurredAt: Date.now(),
      subscriptionType: 'contact.propertyChange',
      propertyName: 'email',
      attemptNumber: 0,
      objectId: first + index,
    })),
  );
  const timestamp = String(Date.now());
  const signature = createHmac('sha256', secret).update(`POST${url}${body}${timestamp}`).digest('base64');
  const headers = { 'x-hubspot-request-timestamp': timestamp, 'x-hubspot-signature-v3': signature };
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { ...headers, 'content-type': 'application/json' },
  });
  if (!response.ok) throw new Error(`the webhook was answered ${response.status}: ${await response.text()}`);
}

async function send(engine: LocalEngine, method: string, path: string, body: object): Promise<void> {
  const headers = { authorization: `Bearer ${localAdminKey}`, 'content-type': 'application/json' };
  const response = await fetch(`${engine.url}${path}`, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
}

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
