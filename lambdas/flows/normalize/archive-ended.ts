import type { RawMessage } from '../../contracts/messages.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import { archiveRequests } from './archive-requests.ts';
import { accepting, isGone, type Mapping, type NormalizePorts, type RawDelivery } from './normalization.ts';

/**
 * Archive requests that have ended, whatever the outcome. Not archived: failed ones, which are retried; handshakes;
 * requests that are archived already; and requests of an account that is gone.
 */
export async function archiveEnded(
  ports: NormalizePorts,
  deliveries: readonly RawDelivery[],
  mappings: readonly Mapping[],
): Promise<readonly ({ readonly error: unknown } | undefined)[]> {
  const failures = Array.from<{ readonly error: unknown } | undefined>({ length: deliveries.length });
  const ended = await Promise.all(
    deliveries.map(async ({ message }, index) => {
      const mapping = mappings[index] as Mapping;
      if (mapping.kind === 'failed' || mapping.kind === 'confirmation' || mapping.owners === 'gone') return [];
      if (message.archived === true || message.handshake !== undefined) return [];
      // The engine always writes a valid time: skip other messages.
      if (Number.isNaN(Date.parse(message.receivedAt))) return [];
      try {
        const owners = message.account === undefined ? (mapping.owners ?? []) : await ownAccount(ports, message);
        return owners === undefined ? [] : [{ message, owners, index }];
      } catch (error) {
        failures[index] = { error };
        return [];
      }
    }),
  );
  const archivable = ended.flat();
  const outcomes = archivable.length === 0 ? [] : await archiveRequests(ports, archivable);
  for (const [place, { index }] of archivable.entries()) failures[index] ??= outcomes[place];
  return failures;
}

/** @returns Undefined when the account that accepted the request is gone. */
async function ownAccount(ports: NormalizePorts, message: RawMessage): Promise<readonly Account[] | undefined> {
  // A cache hit: the mapping has just read the account.
  const account = await accepting(ports, message);
  return account === undefined || isGone(account, message) ? undefined : [account];
}
