import { checkPins, type PinFault } from '../../engine/schema-versions/check-pins.ts';
import type { SchemaPins } from '../../engine/schema-versions/schema-pins-schema.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { PinPorts } from './pin-events.ts';

export interface RefusePinsPorts extends PinPorts {
  readonly clock: Clock;
}

/**
 * Faults of the pins that a subscription may not have.
 *
 * @param known - Its current pins. They stay valid, whatever happened to their versions since.
 */
export async function refuseSubscriptionPins(
  { resources, clock }: RefusePinsPorts,
  pins: SchemaPins | undefined,
  known: SchemaPins = {},
): Promise<readonly PinFault[]> {
  const fresh = Object.entries(pins ?? {}).filter(([resource, major]) => known[resource] !== major);
  if (fresh.length === 0) return [];
  return checkPins(await resources.versioned(), Object.fromEntries(fresh), clock.nowMs());
}

/**
 * Faults of the pins that a feed reader may not have. A sunset is no fault here: the engine does not know since when a
 * reader has used its pins.
 */
export async function refuseFeedPins(
  { resources, clock }: RefusePinsPorts,
  pins: SchemaPins,
): Promise<readonly PinFault[]> {
  const faults = checkPins(await resources.versioned(), pins, clock.nowMs());
  return faults.filter(({ kind }) => kind !== 'sunset');
}
