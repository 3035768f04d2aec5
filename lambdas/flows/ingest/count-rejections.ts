import type { AccountStore } from '../../ports/accounts/account-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Pause } from '../../ports/runtime/pause.ts';
import { type RejectedBy, type StatisticsWriter, unattributed } from '../../ports/runtime/statistics-store.ts';
import { type Counting, countBeside } from '../statistics/count-beside.ts';
import { createStatisticsBuffer } from '../statistics/statistics-buffer.ts';
import type { Receipt } from './receive-webhook.ts';
import type { ReceiveTarget } from './verify-request.ts';

export interface CountRejectionPorts {
  readonly accounts: Pick<AccountStore, 'get'>;
  /** The integration; undefined when none of this name is deployed. */
  readonly webhook: (integration: string) => Promise<unknown>;
  readonly statistics: StatisticsWriter;
  readonly clock: Clock;
  readonly pause: Pause;
}

/** Counts the requests that ingress rejects, by integration and reason. */
export interface RejectionCounter {
  /** An accepted request makes no call here: normalize counts it. */
  count(target: ReceiveTarget, receipt: Receipt): Promise<Counting>;
}

/**
 * A flood of bad requests must not cost one write each: an instance writes the first ones at once, and then one sum per
 * second. The sum of its last second is written with the next rejected request.
 */
const writeRate = { burst: 10, spacingMs: 1_000 };
/**
 * How long an answer waits for its count. Lambda freezes an instance after the answer, so a write may be lost unless
 * the answer waits for it; but answers matter more than counts.
 */
const maxWaitMs = 50;
/** Uses the cache: the account has just been read, unless there is none. */
const accountMaxAgeMs = 10_000;

export function createRejectionCounter(ports: CountRejectionPorts): RejectionCounter {
  const buffer = createStatisticsBuffer(ports, writeRate);
  return {
    async count(target, receipt) {
      const reason = reasonOf(receipt);
      if (reason === undefined) return { kind: 'counted' };
      return countBeside(ports, maxWaitMs, async () => {
        const whose = await whoseIs(ports, target, receipt, reason);
        await buffer.add([{ ...whose, counts: { [`rejected:${reason}`]: 1 } }]);
      });
    },
  };
}

function reasonOf(receipt: Receipt): RejectedBy | undefined {
  switch (receipt.kind) {
    case 'accepted':
    case 'handshake':
      return undefined;
    case 'rejected':
      return receipt.reason;
    case 'unknown':
      return 'url-unknown';
    case 'too-large':
      return 'body-too-large';
    case 'malformed':
      return 'body-malformed';
    case 'source-not-allowed':
    case 'method-not-allowed':
    case 'key-calls-limited':
    case 'hop-limit':
    case 'rate-limited':
      return receipt.kind;
  }
}

/** The scope and integration to count under. A stranger chooses the names in a URL, so only existing names are used. */
async function whoseIs(
  ports: CountRejectionPorts,
  { integration, account }: ReceiveTarget,
  receipt: Receipt,
  reason: RejectedBy,
): Promise<{ readonly scope: string; readonly integration: string }> {
  if (reason === 'url-unknown') {
    const isDeployed = (await ports.webhook(integration)) !== undefined;
    return { scope: unattributed, integration: isDeployed ? integration : unattributed };
  }
  // Nothing was read to refuse it, so nothing is read to count it: a stranger names accounts that no cache remembers.
  if (receipt.kind === 'source-not-allowed' && receipt.by === 'definition') return { scope: unattributed, integration };
  const owner = account === undefined ? undefined : await ports.accounts.get(account, accountMaxAgeMs);
  return { scope: owner?.tenant || unattributed, integration };
}
