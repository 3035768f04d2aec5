import type { DeliveryJob, DrainMessage, ShadowMessage } from '../../lambdas/contracts/messages.ts';
import { prepareSubscription } from '../../lambdas/flows/deliver/attempt/prepare-subscription.ts';
import { deliverEvents } from '../../lambdas/flows/deliver/deliver-events.ts';
import { dispatchDue } from '../../lambdas/flows/deliver/dispatch-due.ts';
import { drainEndpoint } from '../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { sendShadows } from '../../lambdas/flows/deliver/shadow/send-shadows.ts';
import { runReplay } from '../../lambdas/flows/subscriptions/replay-events.ts';
import type { FakeEngine } from '../fakes/fake-engine.ts';
import { type Fault, injectFault } from '../fakes/inject-fault.ts';

const minuteMs = 60_000;

/**
 * Run the functions while time passes: they receive the visible messages, and dispatch runs each minute. The clock
 * skips idle time.
 */
export async function letTimePass(
  engine: FakeEngine,
  durationMs: number,
  faultOf: FaultOf = () => undefined,
): Promise<void> {
  const counter = { invocations: 0 };
  const untilMs = engine.clock.nowMs() + durationMs;
  for (;;) {
    await workOff(engine, faultOf, counter);
    const nowMs = engine.clock.nowMs();
    if (nowMs >= untilMs) return;
    const nextMinuteMs = (Math.floor(nowMs / minuteMs) + 1) * minuteMs;
    const shownAtMs = [...engine.deliveryQueue.messages(), ...engine.drainQueue.messages()].map(
      ({ visibleAtMs }) => visibleAtMs,
    );
    const nextMs = Math.min(untilMs, nextMinuteMs, ...shownAtMs);
    engine.clock.advance(Math.max(1, nextMs - nowMs));
    if (engine.clock.nowMs() === nextMinuteMs) await dispatchDue(engine.dispatchPorts);
  }
}

/** The fault of an invocation, by its number from 0; undefined for none. */
export type FaultOf = (invocation: number) => Fault | undefined;

/** Process all visible messages. A message whose invocation fails or crashes becomes visible again later. */
async function workOff(engine: FakeEngine, faultOf: FaultOf, counter: { invocations: number }): Promise<void> {
  /** @returns Ids of the messages that the invocation completed; empty if it failed or crashed. */
  const invoke = async <P extends object>(
    ports: P,
    act: (ports: P) => Promise<readonly string[]>,
  ): Promise<readonly string[]> => {
    const fault = faultOf(counter.invocations);
    counter.invocations += 1;
    const injected = injectFault<P>(ports, fault);
    const done = await act(injected.ports).catch((error: unknown) => {
      if (fault === undefined) throw error;
      return [];
    });
    return injected.crashed() ? [] : done;
  };
  for (;;) {
    const jobs = engine.deliveryQueue.receive();
    if (jobs.length > 0) {
      const done = await invoke(engine.deliverPorts, async (ports) => {
        const outcomes = await deliverEvents(
          ports,
          jobs.map(({ id, body }) => ({ messageId: id, job: JSON.parse(body) as DeliveryJob })),
        );
        return jobs.filter((_, index) => outcomes[index]?.kind !== 'failed').map(({ id }) => id);
      });
      for (const id of done) engine.deliveryQueue.remove(id);
    }
    const drains = engine.drainQueue.receive();
    for (const drain of drains) {
      const done = await invoke(engine.drainPorts, async (ports) => {
        const message = JSON.parse(drain.body) as DrainMessage;
        if (message.kind === 'drain') await drainEndpoint(ports, message);
        else {
          const key = { scope: message.scope, id: message.subscription };
          const [subscription] = await engine.subscriptions.getMany([key]);
          if (subscription !== undefined) await runReplay(ports, prepareSubscription(subscription), message.replay);
        }
        return [drain.id];
      });
      for (const id of done) engine.drainQueue.remove(id);
    }
    const shadows = engine.shadowQueue.receive();
    for (const { id, body } of shadows) {
      const done = await invoke(engine.drainPorts, async (ports) => {
        await sendShadows(ports, JSON.parse(body) as ShadowMessage);
        return [id];
      });
      for (const one of done) engine.shadowQueue.remove(one);
    }
    if (jobs.length === 0 && drains.length === 0 && shadows.length === 0) return;
  }
}
