import type { RawMessage } from '../../contracts/messages.ts';
import type { AccountStore } from '../../ports/accounts/account-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Pause } from '../../ports/runtime/pause.ts';
import { type RequestCount, type StatisticsWriter, unattributed } from '../../ports/runtime/statistics-store.ts';
import { type Counting, countBeside } from '../statistics/count-beside.ts';
import { createStatisticsBuffer, type Tally } from '../statistics/statistics-buffer.ts';
import type { Normalization } from './normalization.ts';

export interface CountNormalizationPorts {
  readonly accounts: Pick<AccountStore, 'get'>;
  readonly statistics: StatisticsWriter;
  readonly clock: Clock;
  readonly pause: Pause;
}

/** An accepted request, and how it ended. */
export interface Normalized {
  readonly message: RawMessage;
  readonly normalization: Exclude<Normalization, { kind: 'failed' }>;
}

/**
 * Counts how accepted requests end, and their events, by integration and tenant.
 *
 * That one was verified is counted here too, once it has ended: ingress needs no request for it. A message that
 * its queue shows again after it has ended is counted again, as is what is reprocessed.
 */
export interface NormalizationCounter {
  /** One write for each integration and tenant of a batch. */
  count(batch: readonly Normalized[]): Promise<Counting>;
}

/** How long a batch waits for its counts: it is done, and must not come again for their sake. */
const maxWaitMs = 250;
/** Accounts have just been read: this asks what is remembered. */
const accountMaxAgeMs = 10_000;

export function createNormalizationCounter(ports: CountNormalizationPorts): NormalizationCounter {
  const buffer = createStatisticsBuffer(ports);
  return {
    count: async (batch) =>
      countBeside(ports, maxWaitMs, async () => {
        const tallies = await Promise.all(batch.map(async (one) => tallyOf(await scopeOf(ports, one), one)));
        await buffer.add(tallies.flat());
      }),
  };
}

/** The tenant of a request's account, or of all the accounts that it was for. */
async function scopeOf({ accounts }: CountNormalizationPorts, { message, normalization }: Normalized): Promise<string> {
  // Its account does not exist: to ask for it again would be a request.
  if (normalization.kind === 'unrouted') return unattributed;
  if ('tenant' in normalization && normalization.tenant !== undefined) return normalization.tenant;
  if (message.account === undefined) return unattributed;
  const account = await accounts.get(message.account, accountMaxAgeMs);
  // An erased account is known, and no tenant's.
  return account?.tenant || unattributed;
}

function tallyOf(scope: string, { message, normalization }: Normalized): readonly Tally[] {
  const { integration } = message;
  const one = (name: RequestCount, amount = 1, whose = scope): Tally => ({
    scope: whose,
    integration,
    counts: { [name]: amount },
  });
  const tallies = [one(normalization.kind)];
  // A handshake is not an event: ingress has answered it, and counted it as one.
  if (message.handshake === undefined) tallies.push(one('verified'));
  if (normalization.kind !== 'mapped') return tallies;
  if (normalization.drifts.length > 0) tallies.push(one('schema-drift', normalization.drifts.length));
  for (const { kind, tenant } of normalization.publications) if (kind !== 'failed') tallies.push(one(kind, 1, tenant));
  return tallies;
}
