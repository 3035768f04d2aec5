import { localAdminKey, seedApiKey } from '../../../lib/local/admin-key.ts';
import { type LocalEngine, startLocalEngine } from '../../../lib/local/engine.ts';
import { sharedAssembly } from '../shared-assembly.ts';
import type { TrafficPlan, TrafficResult } from './protocol.ts';
import { startTraffic } from './traffic.ts';

/** A plan whose other members have defaults. */
export type Load = Pick<TrafficPlan, 'events' | 'bodyBytes'> & Partial<TrafficPlan>;

/** A tenant with subscriptions, ready to receive events. */
export interface LoadedTenant {
  run(load: Load): Promise<TrafficResult>;
}

/** The local engine, with a provider and a subscriber in their own process. */
export interface LoadedEngine {
  readonly engine: LocalEngine;
  /** @param concurrency - Posts to each endpoint at a time. @default 50, so that the engine is the bottleneck */
  tenant(subscriptions: number, concurrency?: number): Promise<LoadedTenant>;
  /** Several tenants without subscriptions of their own, whose events all go to one subscription. */
  sharedTenants(count: number): Promise<LoadedTenant>;
  /** Process of the provider and the subscriber. */
  readonly trafficPid: number | undefined;
  stop(): Promise<void>;
}

/** The secret of each account's provider. */
export const loadedSecret = 's3cret';
const defaultConcurrency = 50;
/** Events after which V8 has compiled most of the code; the same load runs up to a quarter faster then. */
export const warmUpEvents = 6_000;

/** The local engine, with an administrator's key. */
export async function startSeededEngine(): Promise<LocalEngine> {
  const engine = await startLocalEngine({ ...(await sharedAssembly()), port: 0 });
  await seedApiKey(engine, localAdminKey, null);
  return engine;
}

/**
 * Create a GitHub account of a tenant, and a subscription of that tenant for each callback URL.
 *
 * @returns The account's webhook URL.
 */
export async function createLoadedAccount(
  engine: LocalEngine,
  tenant: string,
  subscriptions: readonly { readonly url: string; readonly concurrency: number }[],
): Promise<string> {
  const account = { tenant, integration: 'github', secrets: { signing_secret: loadedSecret } };
  const { webhook_url: url } = await call<{ readonly webhook_url: string }>(engine, '/v1/accounts', account);
  for (const subscription of subscriptions) await call(engine, '/v1/subscriptions', { tenant, ...subscription });
  return url;
}

export async function startLoadedEngine(): Promise<LoadedEngine> {
  const engine = await startSeededEngine();
  const traffic = await startTraffic();
  let tenants = 0;
  let records = 0;
  const createTenant = (endpoints: readonly { readonly url: string; readonly concurrency: number }[]) => {
    tenants += 1;
    return createLoadedAccount(engine, `tenant_${tenants}`, endpoints);
  };
  const loadedBy = (urls: readonly string[], subscriptions: number): LoadedTenant => ({
    async run(load) {
      const firstRecord = records + 1;
      records += load.events;
      return traffic.run({
        urls,
        secret: loadedSecret,
        firstRecord,
        subscriptions,
        connections: 32,
        ratePerSecond: undefined,
        window: Math.max(20, Math.ceil(400 / subscriptions)),
        maxMs: 30_000,
        maxDrainMs: 30_000,
        ...load,
      });
    },
  });
  return {
    engine,
    trafficPid: traffic.pid,
    async tenant(subscriptions, concurrency = defaultConcurrency) {
      const callbacks = Array.from({ length: subscriptions }, (_, index) => `${traffic.subscriberUrl}/${index}`);
      return loadedBy([await createTenant(callbacks.map((url) => ({ url, concurrency })))], subscriptions);
    },
    async sharedTenants(count) {
      await call(engine, '/v1/subscriptions', { url: `${traffic.subscriberUrl}/0`, concurrency: defaultConcurrency });
      const urls: string[] = [];
      for (let created = 0; created < count; created += 1) urls.push(await createTenant([]));
      return loadedBy(urls, 1);
    },
    async stop() {
      await traffic.stop();
      await engine.stop();
    },
  };
}

async function call<T>(engine: LocalEngine, path: string, body: object): Promise<T> {
  const response = await fetch(`${engine.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${localAdminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
