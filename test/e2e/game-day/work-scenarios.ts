import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ProviderSimulator } from '../../../lib/local/simulators/provider/provider-simulator.ts';
import { startProvider } from '../simulated-accounts.ts';
import { stopReceiving, webhookOf } from './function-scenarios.ts';
import { type Scenario, type Stage, waitUntil } from './stage.ts';

/** An endpoint says that it is gone for good. */
const gone: Scenario = {
  alarms: ['SubscriptionDisabledAlarm'],
  async provoke(stage) {
    const { url } = await webhookOf(stage);
    const receiver = await stage.subscriber({ tenant: 'game' });
    receiver.answer((_, response) => void response.writeHead(410).end());
    await stage.github(url);
    const isDisabled = async () =>
      (await stage.call('GET', `/v1/subscriptions/${receiver.id}`)).body.status === 'disabled';
    await waitUntil(isDisabled, 'the subscription is disabled');
    return async () => {
      receiver.answer((_, response) => void response.writeHead(204).end());
      await stage.call('POST', `/v1/subscriptions/${receiver.id}/enable`, { catch_up: true });
    };
  },
};

/** Endpoints of one owner, all of which fail. */
const failingEndpoints = 60;
let firstEndpoint = '';

/** The receivers of many subscriptions are down at the same time. */
const receiversDown: Scenario = {
  alarms: ['DeliverySuccessAlarm'],
  async provoke(stage) {
    const { url } = await stage.account('github', { tenant: 'down' });
    const receiver = await stage.subscriber({ tenant: 'down' });
    firstEndpoint = receiver.id;
    receiver.answer((_, response) => void response.writeHead(500).end());
    for (let count = 1; count < failingEndpoints; count += 1)
      await stage.call('POST', '/v1/subscriptions', { tenant: 'down', url: `${receiver.url}/${count}` });
    for (let period = 0; period < 3; period += 1) {
      const before = receiver.callbacks.length;
      await stage.github(url);
      await waitUntil(() => receiver.callbacks.length >= before + failingEndpoints, 'each endpoint is called');
      if (period < 2) await stage.goOn(5);
    }
    return () => receiver.answer((_, response) => void response.writeHead(204).end());
  },
  placeholders: () => ({ subscription: firstEndpoint }),
};

async function startSubscriber(stage: Stage, tenant: string) {
  const account = await stage.account('github', { tenant });
  return { account, receiver: await stage.subscriber({ tenant, ordering: 'record' }) };
}

/** Drain gets its messages half an hour late, for two periods. */
const lateDrains: Scenario = {
  alarms: ['BacklogLateAlarm'],
  async provoke(stage) {
    const subscribers = [await startSubscriber(stage, 'late-one'), await startSubscriber(stage, 'late-two')];
    let allowed = 0;
    const end = stage.faults.begin(({ caller, operation, resource }) => {
      if (caller !== 'poller' || operation !== 'ReceiveMessage' || !/DrainQueue/.test(resource)) return undefined;
      allowed -= 1;
      return allowed >= 0 ? undefined : { kind: 'refused' };
    });
    const before = stage.invoked('drain');
    await stage.send('DrainQueue/Queue', { kind: 'drain', subscription: 'sub_gone', scope: 'game' });
    await waitUntil(() => stage.invoked('drain') > before, 'drain takes the last message');
    for (const { account } of subscribers) await stage.github(account.url);
    await waitUntil(() => !stage.engine.isAtWork(), 'the events are published');
    await stage.engine.advanceClock(40 * 60_000);
    const sent = () => subscribers.filter(({ receiver }) => receiver.callbacks.length > 0).length;
    for (const wanted of [1, 2]) {
      // One message at a time: dispatch has asked for the same drains again.
      for (let message = 0; message < 10 && sent() < wanted; message += 1) {
        const invoked = stage.invoked('drain');
        allowed = 1;
        await waitUntil(() => stage.invoked('drain') > invoked, 'drain takes a message');
      }
      if (wanted === 1) await stage.goOn(5);
    }
    return end;
  },
};

/** The message of an erasure does not arrive, and dispatch starts the erasure again. */
const silentErasure: Scenario = {
  alarms: ['SilentWorkAlarm'],
  stepMinutes: 5,
  async provoke(stage) {
    await stage.account('github', { tenant: 'leaving' });
    const end = stopReceiving(stage, 'GovernanceQueue');
    const before = stage.invoked('govern');
    await stage.send('GovernanceQueue/Queue', { kind: 'erase', tenant: 'gone', erasure: 'erasure_gone' });
    await waitUntil(() => stage.invoked('govern') > before, 'govern takes the last message');
    const asked = await stage.call('DELETE', '/v1/tenants/leaving');
    if (asked.status !== 202) throw new Error(`the erasure was answered ${asked.status}`);
    return end;
  },
};

/** A provider that may be down: its simulator behind a door. */
interface Door {
  readonly url: string;
  isOpen: boolean;
  readonly server: Server;
}

async function startDoor(provider: ProviderSimulator): Promise<Door> {
  const server = createServer((request, response) => {
    if (!door.isOpen) return void response.writeHead(500).end();
    const headers = Object.fromEntries(
      Object.entries(request.headers).flatMap(([name, value]) =>
        typeof value === 'string' && !/^(host|connection)$/.test(name) ? [[name, value]] : [],
      ),
    );
    fetch(`${provider.url}${request.url}`, { method: request.method ?? 'GET', headers })
      .then(async (answer) => {
        const body = Buffer.from(await answer.arrayBuffer());
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(body);
      })
      .catch(() => response.writeHead(502).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const door: Door = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, isOpen: true, server };
  return door;
}

let synced = '';
const undo: (() => unknown)[] = [];

/** A provider is down for more than an hour. */
const providerDown: Scenario = {
  alarms: ['SyncsLateAlarm'],
  stepMinutes: 10,
  async provoke(stage) {
    const provider = await startProvider('legacy-crm', { records: 3, clock: { nowMs: () => stage.engine.now() } });
    const door = await startDoor(provider);
    undo.push(
      () => provider.stop(),
      () => door.server.close().closeAllConnections(),
    );
    const created = await stage.call('POST', '/v1/accounts', {
      tenant: 'synced',
      integration: 'legacy-crm',
      secrets: { signing_secret: 's3cret' },
      credentials: provider.credentials['api_key'],
      base_url: `${door.url}/v1`,
    });
    synced = created.body.id;
    const hasRun = async () =>
      (await stage.call('GET', `/v1/accounts/${synced}/syncs`)).body.data?.every(
        ({ last_run: last }: { last_run: unknown }) => last !== null,
      );
    for (let minute = 0; minute < 10 && !(await hasRun()); minute += 1) await stage.pass(1);
    door.isOpen = false;
    await stage.pass(3);
    return async () => {
      door.isOpen = true;
      await stage.engine.advanceClock(60 * 60_000);
    };
  },
  placeholders: () => ({ account: synced }),
};

export const workScenarios: readonly Scenario[] = [gone, receiversDown, lateDrains, silentErasure, providerDown];

/** End what the scenarios have started. */
export async function endWork(stage: Stage): Promise<void> {
  if (synced !== '') await stage.call('PATCH', `/v1/accounts/${synced}`, { syncs: 'off' });
  for (const step of undo) await step();
}
