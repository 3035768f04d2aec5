import type { Delivery } from '../../engine/delivery/delivery.ts';
import type { EndpointEffect } from '../../engine/delivery/settlement.ts';
import { isOperational, type Operation, operationalEvent } from '../../engine/event/operational-event.ts';
import type { OperatorNotices } from '../../ports/delivery/notices.ts';
import {
  type Subscription,
  type SubscriptionStore,
  type SubscriptionWriter,
  scopeOf,
} from '../../ports/delivery/subscription-store.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import type { FactPorts } from './publication.ts';
import { publishFacts } from './publish-events.ts';

export interface ReportPorts extends FactPorts {
  readonly subscriptions: FactPorts['subscriptions'] & Pick<SubscriptionStore, 'getMany'> & SubscriptionWriter;
  readonly notices: OperatorNotices;
  /** What alarms look at. */
  readonly operations: OutcomeCounter<'subscription-disabling' | 'subscription-disabled' | 'circuit-opened'>;
}

/**
 * Do what follows from what was learnt of an endpoint: disable its subscription, and tell those who have
 * asked to be told. Told again after a crash, an operation is the same event.
 */
export async function reportEndpoint(
  ports: ReportPorts,
  subscription: Subscription,
  effects: readonly EndpointEffect[],
): Promise<void> {
  for (const effect of effects) {
    switch (effect.kind) {
      case 'circuit-opened':
        ports.operations.count('circuit-opened');
        break;
      case 'disabling':
        ports.operations.count('subscription-disabling');
        await tell(ports, subscription, 'subscription.disabling', `${effect.failingSinceMs} ${effect.percent}`, {
          percent: effect.percent,
          failing_since: iso(effect.failingSinceMs),
          disables_at: iso(effect.disablesAtMs),
          ...(effect.stopReason === undefined ? {} : { reason: 'expression-stopped', detail: effect.stopReason }),
        });
        break;
      case 'recovered':
        await tell(ports, subscription, 'subscription.recovered', String(effect.failingSinceMs), {
          failed_since: iso(effect.failingSinceMs),
        });
        break;
      case 'last-probe':
        break;
      case 'disabled':
        await disable(ports, subscription, 'failures', String(effect.failingSinceMs), {
          failing_since: iso(effect.failingSinceMs),
        });
        break;
    }
  }
}

/** A delivery that is tried no more, and how often what caused its event has passed through. */
export interface ExhaustedDelivery {
  readonly delivery: Delivery;
  readonly hops: number | undefined;
  /** The trace of its event. */
  readonly traceId?: string | undefined;
}

/** Tell of deliveries that are tried no more. An endpoint that says it is gone is disabled. */
export async function reportDelivery(
  ports: ReportPorts,
  subscription: Subscription,
  exhausted: readonly ExhaustedDelivery[],
): Promise<void> {
  // Of what the engine itself says nothing is said: it would go on for ever.
  const told = exhausted.filter(({ delivery }) => !isOperational(delivery.event));
  await publishAll(
    ports,
    told.map(({ delivery, hops, traceId }) => ({
      // What it causes may come back as the event itself may.
      hops,
      traceId,
      type: 'delivery.exhausted',
      tenant: subscription.tenant,
      about: 'deliveries',
      id: delivery.event,
      occurrence: `${subscription.id} ${delivery.attemptCount}`,
      at: iso(ports.clock.nowMs()),
      data: {
        subscription_id: subscription.id,
        event_id: delivery.event,
        tenant: delivery.tenant,
        sequence: delivery.sequence,
        reason: delivery.exhaustedBy,
        attempts: delivery.attemptCount,
        last_status: delivery.attempts.at(-1)?.status ?? null,
        last_error: delivery.attempts.at(-1)?.error ?? null,
      },
    })),
  );
  const gone = exhausted.find(({ delivery }) => delivery.exhaustedBy === 'gone');
  if (gone !== undefined) await disable(ports, subscription, 'gone', gone.delivery.event, {});
}

async function disable(
  ports: ReportPorts,
  subscription: Subscription,
  by: 'failures' | 'gone',
  occurrence: string,
  data: object,
): Promise<void> {
  const at = iso(ports.clock.nowMs());
  // A caller who changed the subscription meanwhile knows of its endpoint, too: that change counts.
  const isWritten = await ports.subscriptions.replace({ ...subscription, status: 'disabled', disabled: { by, at } });
  // The answer to the write may have been lost, and its second try refused.
  if (!isWritten && !(await isDisabledSince(ports, subscription, at))) return;
  ports.operations.count('subscription-disabled');
  await tell(ports, subscription, 'subscription.disabled', occurrence, { reason: by, ...data });
}

async function isDisabledSince({ subscriptions }: ReportPorts, one: Subscription, at: string): Promise<boolean> {
  const [stored] = await subscriptions.getMany([{ scope: scopeOf(one), id: one.id }]);
  return stored?.disabled?.at === at;
}

async function tell(
  ports: ReportPorts,
  subscription: Subscription,
  type: Operation['type'],
  occurrence: string,
  data: object,
): Promise<void> {
  const detail = { subscription_id: subscription.id, tenant: subscription.tenant, url: subscription.url, ...data };
  await publishAll(ports, [
    {
      type,
      tenant: subscription.tenant,
      about: 'subscriptions',
      id: subscription.id,
      occurrence,
      at: iso(ports.clock.nowMs()),
      data: detail,
    },
  ]);
  await ports.notices.send([{ type, detail }]);
}

async function publishAll(
  ports: ReportPorts,
  operations: readonly (Operation & Partial<Pick<ExhaustedDelivery, 'hops' | 'traceId'>>)[],
): Promise<void> {
  if (operations.length === 0) return;
  const publications = await publishFacts(
    ports,
    operations.map(({ hops, traceId, ...operation }) => {
      const told = operationalEvent(operation);
      const event = traceId === undefined ? told : { ...told, correlation_id: traceId };
      return { event, owner: event.id, hops };
    }),
  );
  const failed = publications.find((publication) => publication.kind === 'failed');
  if (failed?.kind === 'failed') throw failed.error;
}

const iso = (epochMs: number) => new Date(epochMs).toISOString();
