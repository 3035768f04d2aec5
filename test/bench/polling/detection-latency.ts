import { fileURLToPath } from 'node:url';
import type { DeliveryJob } from '../../../lambdas/contracts/messages.ts';
import { newEndpoint } from '../../../lambdas/engine/delivery/endpoint-state.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { dispatchSyncs } from '../../../lambdas/flows/sync/dispatch-syncs.ts';
import { loadDefinition, loadExchanges } from '../../../lib/cli/explain/load-integration.ts';
import { createSimulatedApi } from '../../../lib/cli/provider/converge/simulated-api.ts';
import { createOfflineProvider } from '../../../lib/local/simulators/provider/provider-simulator.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { aSubscription } from '../../fakes/samples.ts';
import { createSeededRandomness } from '../../fakes/seeded-randomness.ts';
import { createSyncWorld } from '../../flow/sync/sync-world.ts';
import { assumptions } from '../aws-prices.ts';

const integrations = fileURLToPath(new URL('../../../integrations', import.meta.url));
const resource = 'crm/contacts';
const sync = 'contacts';
const minuteMs = 60_000;

/**
 * The time from each change at the provider to the acceptance of its callback, in ascending order, in milliseconds.
 *
 * A sync of every minute, in virtual time: the wait for the next run of dispatch, a call of the provider, the round
 * trips of poll and deliver, and the answer of the receiver.
 */
export async function detectionLatencies(changes: number, perMinute: number): Promise<readonly number[]> {
  const written = loadDefinition(integrations, 'legacy-crm');
  const definition = { ...written, syncs: { [sync]: written.syncs?.[sync] ?? { resource } } } as typeof written;
  const world = await createSyncWorld(definition);
  const { clock, engine } = world;
  const provider = await createOfflineProvider({
    definition,
    exchanges: loadExchanges(integrations, 'legacy-crm'),
    records: { [resource]: 100 },
    clock,
    credentials: { api_key: { key: 'k' } },
  });
  const api = createSimulatedApi(provider);
  const ports = {
    ...world.ports,
    provider: {
      ...world.ports.provider,
      api: {
        async send(request: Parameters<typeof api.send>[0]) {
          clock.advance(assumptions.providerMs);
          return api.send(request);
        },
      },
    },
  };
  await engine.subscriptions.create(aSubscription());
  await engine.endpoints.replace({ ...newEndpoint('acme', 'sub_1'), latencyMs: assumptions.receiverMs }, undefined);
  await world.begin();
  await world.workOff(ports);
  for (const { id } of engine.deliveryQueue.messages()) engine.deliveryQueue.remove(id);

  const waiting = new Map<string, number>();
  const latencies: number[] = [];
  engine.callbacks.answerWith(({ body }) => {
    clock.advance(assumptions.receiverMs);
    const name = nameIn(JSON.parse(body));
    const madeAtMs = waiting.get(name);
    if (madeAtMs !== undefined) latencies.push(clock.nowMs() - madeAtMs);
    waiting.delete(name);
    return answered(204);
  });
  const randomness = createSeededRandomness('latency');
  let nextLookMs = clock.nowMs() + minuteMs;
  for (let made = 0; made < changes; made += 1) {
    // Between two changes, as long as chance has it.
    const atMs = clock.nowMs() - Math.log(1 - randomness.fraction()) * (minuteMs / perMinute);
    for (; nextLookMs <= atMs; nextLookMs += minuteMs) {
      clock.advance(Math.max(0, nextLookMs - clock.nowMs()));
      await look(world, ports);
    }
    clock.advance(Math.max(0, Math.floor(atMs - clock.nowMs())));
    const records = provider.records(resource);
    const name = `change ${made}`;
    const { id } = records[made % records.length] ?? { id: '' };
    waiting.set(name, clock.nowMs());
    await provider.change(resource, id, { last: name, first: null });
  }
  clock.advance(Math.max(0, nextLookMs - clock.nowMs()));
  await look(world, ports);
  if (waiting.size > 0) throw new Error(`${waiting.size} changes were not told`);
  return latencies.toSorted((one, other) => one - other);
}

const nameIn = (event: { readonly data?: { readonly last_name?: string } }) => event.data?.last_name ?? '';

/** Dispatch looks; what is due is polled, and what was found is delivered. */
async function look({ engine, clock, ports: { syncs }, workOff }: SyncWorld, ports: SyncWorld['ports']): Promise<void> {
  const { dynamodbRoundTripMs, sqsRoundTripMs, waits } = assumptions;
  await dispatchSyncs({ syncs, pollQueue: ports.pollQueue, clock });
  clock.advance(2 * sqsRoundTripMs + waits.poll.dynamodb * dynamodbRoundTripMs);
  await workOff(ports);
  for (;;) {
    const messages = engine.deliveryQueue.receive();
    if (messages.length === 0) return;
    clock.advance(sqsRoundTripMs + waits.deliver.dynamodb * dynamodbRoundTripMs);
    const jobs = messages.flatMap(({ id, body }) =>
      [JSON.parse(body) as DeliveryJob | readonly DeliveryJob[]].flat().map((job) => ({ messageId: id, job })),
    );
    for (const outcome of await deliverEvents(engine.deliverPorts, jobs))
      if (outcome.kind === 'failed') throw outcome.error;
    for (const { id } of messages) engine.deliveryQueue.remove(id);
  }
}

type SyncWorld = Awaited<ReturnType<typeof createSyncWorld>>;
