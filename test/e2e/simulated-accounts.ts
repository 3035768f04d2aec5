import { createHmac } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, vi } from 'vitest';
import { loadDefinition } from '../../lib/cli/explain/load-integration.ts';
import { readExchanges } from '../../lib/definitions/exchanges.ts';
import type { LocalEngine } from '../../lib/local/engine.ts';
import {
  type ProviderSimulator,
  type ProviderSimulatorOptions,
  startProviderSimulator,
} from '../../lib/local/simulators/provider/provider-simulator.ts';
import type { RunningEngine } from './running-engine.ts';

const integrations = fileURLToPath(new URL('../../integrations/', import.meta.url));

/** Start the provider of an integration; it ends with the test. */
export async function startProvider(
  integration: string,
  options: Pick<ProviderSimulatorOptions, 'records' | 'clock' | 'context' | 'credentials' | 'port' | 'faults'>,
): Promise<ProviderSimulator> {
  return startProviderSimulator({
    definition: loadDefinition(integrations, integration),
    exchanges: readExchanges(integrations, integration),
    ...options,
  });
}

/** Longer than the lease of a function that was killed, and than any visibility timeout. */
export const leaseMs = 400_000;
/** Looks of 2.5 s: more than a busy machine needs for what these tests do. */
const maxLooks = 16;

/**
 * Wait until a condition holds. Advances the clock if it does not hold by itself, but only while no function works: the
 * lease of a run would end while its function holds it.
 */
export async function patiently(engine: LocalEngine, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < maxLooks; look += 1) {
    const held = await vi
      .waitFor(async () => {
        if (!(await holds())) throw new Error('not yet');
        return true;
      }, 2_500)
      .catch(() => false);
    if (held) return;
    if (!engine.isAtWork()) await engine.advanceClock(leaseMs);
  }
  throw new Error('the condition never held');
}

/** A run, as the API shows it. */
export interface ShownRun {
  readonly id: string;
  readonly mode: string;
  readonly outcome: string;
  readonly calls: number;
  readonly pages: number;
  readonly records: number;
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly drift: Readonly<Record<string, number>>;
}

type CrmAccount = Awaited<ReturnType<typeof connectCrm>>;

/** An account of the simulated `legacy-crm`, whose declared syncs run by themselves until the test ends. */
export async function connectCrm(
  { call, post, engine }: RunningEngine,
  crm: ProviderSimulator,
  tenant: string,
  change: object = { base_url: `${crm.url}/v1` },
) {
  const created = await call('POST', '/v1/accounts', {
    tenant,
    integration: 'legacy-crm',
    secrets: { signing_secret: 's3cret' },
    credentials: crm.credentials.api_key,
    ...change,
  });
  expect([created.status, created.body]).toEqual([201, expect.anything()]);
  const root = `/v1/accounts/${created.body.id}`;
  onTestFinished(async () => void (await call('PATCH', root, { syncs: 'off' })));
  const of = (method: string, path: string, body?: unknown) => call(method, `${root}${path}`, body);
  const account = {
    of,
    sync: async (id = 'contacts') => (await of('GET', `/syncs/${id}`)).body,
    syncs: async () => (await of('GET', '/syncs')).body.data,
    runs: async (id: string): Promise<readonly ShownRun[]> => (await of('GET', `/syncs/${id}/runs`)).body.data,
    /** Wait until every sync has ended its first run. */
    settled: () =>
      patiently(engine, async () =>
        (await account.syncs()).every(({ last_run: last }: { last_run: ShownRun | null }) => last !== null),
      ),
    /** Run a sync now. @returns The run, once it has ended. */
    async run(mode: string, id = 'contacts'): Promise<ShownRun> {
      const asked = await of('POST', `/syncs/${id}/run`, { mode });
      expect(asked.status).toBe(202);
      const find = async () => (await of('GET', `/syncs/${id}/runs/${asked.body.run}`)).body;
      await patiently(engine, async () => ['succeeded', 'failed', 'cancelled'].includes((await find()).outcome));
      return find();
    },
    /** Send the webhook that says that a contact has changed. */
    async tell(contact: string, ts: number) {
      const body = JSON.stringify({ action: 'update', object: 'contact', data: { contact_id: Number(contact) }, ts });
      const signature = createHmac('sha256', 's3cret').update(body).digest('hex');
      expect((await post(created.body.webhook_url, body, { 'x-legacy-signature': signature })).status).toBe(200);
    },
  };
  return account;
}

/** The figures of all runs of an account's syncs. */
export async function sumRuns(account: CrmAccount) {
  const ids: readonly string[] = (await account.syncs()).map(({ id }: { id: string }) => id);
  const runs = (await Promise.all(ids.map((id) => account.runs(id)))).flat();
  const sum = (name: 'calls' | 'pages' | 'records' | 'created' | 'updated') =>
    runs.reduce((all, run) => all + run[name], 0);
  return {
    calls: sum('calls'),
    pages: sum('pages'),
    records: sum('records'),
    created: sum('created'),
    updated: sum('updated'),
  };
}

/** What the provider has measured of listings; each answer is a page. */
export function servedBy(provider: ProviderSimulator) {
  const { calls, rows } = provider.stats();
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).reduce((all, [name, count]) => (/\.(list|changes)$/.test(name) ? all + count : all), 0);
  return { calls: sum(calls), pages: sum(calls), records: sum(rows) };
}
