import { isDeepStrictEqual } from 'node:util';
import { loadDefinition } from '../../lib/cli/explain/load-integration.ts';
import { readExchanges } from '../../lib/definitions/exchanges.ts';
import { readSamples } from '../../lib/definitions/samples.ts';
import type { CallFault } from '../../lib/local/faults/call-gate.ts';
import { startProviderSimulator } from '../../lib/local/simulators/provider/provider-simulator.ts';
import { startSteadyChanges } from '../../lib/local/simulators/provider/records/steady-changes.ts';
import { type CalledBack, startSoakSubscriber } from './soak-subscriber.ts';

const name = 'legacy-crm';
const tenant = 'soak-crm';
const account = 'acc_soak_crm';
const signingSecret = 's3cret';
/** The CRM sends a thin webhook for each change of a contact. Of companies it says nothing: only their sync finds them. */
const resources = ['crm/contacts', 'crm/companies'] as const;
const syncs = ['contacts', 'companies'] as const;
const recordsAtStart = 100;
const changesPerMinute = 60;
/**
 * Only a comparison finds a company that was deleted, and it believes no listing that lacks a tenth of the known ones: a
 * day's deletions in ten minutes need a day's comparisons, too.
 */
const comparedEveryMs = 120_000;
/** Of 100 webhooks. */
const webhookFaults = { doublePercent: 5, latePercent: 10, losePercent: 10 };
/** Of 100 calls. */
const callFaults = { errorPercent: 2, droppedPercent: 1, malformedPercent: 1 };

export type CallApi = (method: string, path: string, body?: object) => Promise<CalledBack>;

function keyOf({ resource, record_id: id }: CalledBack): string {
  return `${String(resource)} ${String(id)}`;
}

/** What the soak's engine gives to the CRM's account. */
interface SoakEngine {
  readonly call: CallApi;
  readonly nowMs: () => number;
  /** Let time pass until a condition holds. @throws {Error} when it never does. */
  readonly until: (holds: () => Promise<boolean>, what: string) => Promise<void>;
  readonly readFeed: (tenant: string) => Promise<readonly CalledBack[]>;
  readonly check: (holds: boolean, what: string) => void;
}

/**
 * An account whose records change all the time at a simulated provider. The engine learns of them by thin webhooks,
 * some of them late, doubled or lost, and by two syncs that run each minute.
 */
export interface SoakCrm {
  /** Requests that the engine accepted from the CRM. */
  accepted(): number;
  readonly wrong: readonly string[];
  report(): string;
  /** End the changes and the provider's faults. */
  endChanges(): void;
  /** Compare all records, and find what is lost, altered or out of order. @returns How many events the feed has. */
  verify(): Promise<number>;
  stop(): Promise<void>;
}

export async function startSoakCrm(
  { call, nowMs, until, readFeed, check }: SoakEngine,
  strike: () => CallFault | undefined,
): Promise<SoakCrm> {
  const arrived = new Map<string, CalledBack[]>();
  const subscriber = await startSoakSubscriber(strike, (event) => {
    const id = String(event['id']);
    arrived.set(id, [...(arrived.get(id) ?? []), event]);
  });
  const created = await call('POST', '/v1/accounts', {
    id: account,
    tenant,
    integration: name,
    secrets: { signing_secret: signingSecret },
    syncs: 'off',
  });
  const provider = await startProviderSimulator({
    definition: loadDefinition('integrations/', name),
    exchanges: readExchanges('integrations/', name),
    samples: readSamples('integrations/', name),
    records: Object.fromEntries(resources.map((resource) => [resource, recordsAtStart])),
    clock: { nowMs },
    webhooks: {
      url: String(created['webhook_url']),
      secrets: { signing_secret: signingSecret },
      ...webhookFaults,
    },
  });
  const { secret } = await call('POST', '/v1/subscriptions', { tenant, url: subscriber.url, concurrency: 50 });
  subscriber.trust(String(secret));
  await call('PATCH', `/v1/accounts/${account}`, {
    base_url: `${provider.url}/v1`,
    credentials: provider.credentials.api_key as object,
    syncs: 'on',
  });
  const runOf = async (sync: string) =>
    (await call('GET', `/v1/accounts/${account}/syncs/${sync}`))['last_run'] as CalledBack | null;
  await until(async () => (await Promise.all(syncs.map(runOf))).every((run) => run !== null), 'the first runs end');
  provider.setFaults(callFaults);
  const failures: string[] = [];
  const changes = startSteadyChanges(provider, {
    resources,
    perMinute: changesPerMinute,
    seed: 'soak',
    onFailure: (error) => void failures.push(String(error)),
  });

  const compare = async (sync: string) =>
    call('POST', `/v1/accounts/${account}/syncs/${sync}/run`, { mode: 'reconcile' });
  const comparisons = setInterval(() => {
    // Chaos may refuse the call; the next one follows.
    for (const sync of syncs) compare(sync).catch(() => undefined);
  }, comparedEveryMs);

  /** The unified read of every record that exists, by resource and id. */
  async function readAll(): Promise<ReadonlyMap<string, unknown>> {
    const all = new Map<string, unknown>();
    for (const resource of resources)
      for (let cursor: string | null = ''; cursor !== null; ) {
        const from: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const page: CalledBack = await call('GET', `/v1/accounts/${account}/records/${resource}?limit=100${from}`);
        for (const row of page['data'] as CalledBack[]) all.set(keyOf({ ...row, resource }), row['data']);
        cursor = page['next_cursor'] as string | null;
      }
    return all;
  }

  /** Compare each record with the provider, by a run that lists all of them. */
  async function reconcile(): Promise<void> {
    for (const sync of syncs) {
      const { run } = await compare(sync);
      const path = `/v1/accounts/${account}/syncs/${sync}/runs/${String(run)}`;
      const ended = async () => {
        const { outcome, error } = await call('GET', path);
        return ['succeeded', 'failed', 'cancelled'].includes(String(outcome)) ? { outcome, error } : undefined;
      };
      await until(async () => (await ended()) !== undefined, `${sync} is compared`);
      const end = await ended();
      check(end?.outcome === 'succeeded', `the last comparison of ${sync} ended: ${JSON.stringify(end)}`);
    }
  }

  return {
    accepted: () => provider.stats().webhooks.sent - provider.stats().webhooks.refused,
    wrong: subscriber.wrong,
    report() {
      const { webhooks, calls } = provider.stats();
      const called = Object.values(calls).reduce((sum, count) => sum + count, 0);
      return `CRM: ${changes.count()} changes, ${webhooks.sent} webhooks, ${called} calls, ${arrived.size} events arrived`;
    },
    endChanges() {
      clearInterval(comparisons);
      changes.stop();
      provider.setFaults({});
      subscriber.expectOtherTimes();
    },
    async verify() {
      await reconcile();
      const [feed, existing] = [await readFeed(tenant), await readAll()];
      await until(async () => feed.every(({ id }) => arrived.has(String(id))), 'all events of the CRM arrive');
      check(failures.length === 0, `${changes.count()} changes at the CRM, ${failures.length} failed there`);
      const last = new Map(feed.map((event) => [keyOf(event), event]));
      const behind = [...existing].filter(([key, data]) => !isDeepStrictEqual(last.get(key)?.['data'], data));
      check(
        behind.length === 0,
        `${existing.size} records exist at the CRM, ${behind.length} differ from their last event`,
      );
      const undead = [...last].filter(([key, { type }]) => !existing.has(key) && type !== 'record:deleted');
      check(undead.length === 0, `${last.size} records were told, ${undead.length} are gone without a deletion`);
      const altered = feed.filter((event) =>
        (arrived.get(String(event['id'])) ?? []).some((callback) => !isDeepStrictEqual(callback, event)),
      );
      check(altered.length === 0, `${feed.length} events of the CRM, ${altered.length} altered in their callbacks`);
      check(arrived.size === feed.length, `${arrived.size} ids arrived, of ${feed.length} in the feed`);
      return feed.length;
    },
    async stop() {
      clearInterval(comparisons);
      changes.stop();
      subscriber.stop();
      await provider.stop();
    },
  };
}
