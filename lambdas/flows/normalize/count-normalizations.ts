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
 * Also counts verified requests, so that ingress need not write. A message that SQS redelivers after it ended is
 * counted again, and so are reprocessed requests.
 */
export interface NormalizationCounter {
  /** One write for each integration and tenant of a batch. */
  count(batch: readonly Normalized[]): Promise<Counting>;
}

/** How long a batch waits for its counts: it is done, and must not be redelivered because of them. */
const maxWaitMs = 250;
/** Uses the cache: the accounts have just been read. */
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

/** The tenant of a request's account, or of all accounts that it was for. */
async function scopeOf({ accounts }: CountNormalizationPorts, { message, normalization }: Normalized): Promise<string> {
  // The account does not exist: do not spend another request on it.
  if (normalization.kind === 'unrouted') return unattributed;
  if ('tenant' in normalization && normalization.tenant !== undefined) return normalization.tenant;
  if (message.account === undefined) return unattributed;
  const account = await accounts.get(message.account, accountMaxAgeMs);
  // An erased account still has a row, without a tenant.
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
  // A handshake is not counted as verified: ingress has answered it as a handshake.
  if (message.handshake === undefined) tallies.push(one('verified'));
  if (normalization.kind !== 'mapped') return tallies;
  if (normalization.drifts.length > 0) tallies.push(one('schema-drift', normalization.drifts.length));
  for (const { kind, tenant } of normalization.publications) if (kind !== 'failed') tallies.push(one(kind, 1, tenant));
  return tallies;
}
