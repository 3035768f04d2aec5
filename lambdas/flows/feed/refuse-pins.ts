import { checkPins, type PinFault } from '../../engine/schema-versions/check-pins.ts';
import type { SchemaPins } from '../../engine/schema-versions/schema-pins-schema.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { PinPorts } from './pin-events.ts';

export interface RefusePinsPorts extends PinPorts {
  readonly clock: Clock;
}

/**
 * Every pin that a subscription may not be given.
 *
 * @param known - Those that it has: they stay as they are, whatever became of their versions.
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

/** Every pin that a reader of the feed may not have. It is not known since when a reader reads: a sunset ends nothing. */
export async function refuseFeedPins(
  { resources, clock }: RefusePinsPorts,
  pins: SchemaPins,
): Promise<readonly PinFault[]> {
  const faults = checkPins(await resources.versioned(), pins, clock.nowMs());
  return faults.filter(({ kind }) => kind !== 'sunset');
}
