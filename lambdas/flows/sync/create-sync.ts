import { faultsOfSteps } from '../../engine/definition/check-sync-steps.ts';
import { faultsOfTiming } from '../../engine/definition/check-syncs.ts';
import type { MeaningFault } from '../../engine/definition/meaning-fault.ts';
import type { Definition } from '../../engine/definition/schema.ts';
import type { PostedSync } from '../../engine/provider/language/sync-schema.ts';
import { jobOf, type SyncJob } from '../../engine/sync/sync-job.ts';
import type { SyncRow } from '../../ports/sync/sync-store.ts';
import { listSyncs, type ManageSyncPorts, type SyncOwner } from './change-sync.ts';
import { newSyncRow, newSyncState } from './ensure-syncs.ts';

export type SyncCreation =
  | { readonly kind: 'created'; readonly row: SyncRow }
  /** The account has a sync with this id, or its definition declares one. */
  | { readonly kind: 'exists'; readonly row: SyncRow | undefined }
  | { readonly kind: 'faults'; readonly faults: readonly MeaningFault[] }
  | { readonly kind: 'no-api' }
  | { readonly kind: 'too-many'; readonly most: number };

/** Syncs of one account. Each is looked at once a minute, and has a row. */
const maxSyncs = 50;
const idDigits = 12;

/**
 * Add a sync that a caller has written to those of an account. Its first run is due at once.
 *
 * @param seed - Of its id, where the caller gives none: a retry of the call finds what the call has made.
 */
export async function createSync(
  ports: ManageSyncPorts,
  owner: SyncOwner,
  posted: PostedSync,
  seed: string | undefined,
): Promise<SyncCreation> {
  const { account, definition } = owner;
  if (definition?.api === undefined) return { kind: 'no-api' };
  const faults = faultsOfPosted(definition, posted);
  if (faults.length > 0) return { kind: 'faults', faults };
  const digits = (seed ?? ports.randomness.bytes(idDigits / 2).toString('hex')).slice(0, idDigits);
  const id = posted.id ?? `sync_${digits}`;
  const known = await listSyncs(ports, owner);
  const isDeclared = Object.hasOwn(definition.syncs ?? {}, id);
  const existing = known.find(({ sync }) => sync === id);
  if (isDeclared || existing !== undefined) return { kind: 'exists', row: existing };
  if (known.length >= maxSyncs) return { kind: 'too-many', most: maxSyncs };
  const row = newSyncRow(account, id, newSyncState(jobOf(posted), ports.clock.nowMs()));
  const written = await ports.syncs.replace(row);
  if (written === undefined) return { kind: 'exists', row: await ports.syncs.get(row) };
  // Each call counts after its own write, so that no number of concurrent calls exceeds the limit.
  if ((await ports.syncs.list(account.id)).length > maxSyncs && (await ports.syncs.remove(written)))
    return { kind: 'too-many', most: maxSyncs };
  await ports.pollQueue.send({ kind: 'poll', account: account.id, sync: id }, 0);
  return { kind: 'created', row: written };
}

function faultsOfPosted(definition: Definition, posted: PostedSync): readonly MeaningFault[] {
  const { integration_name: named } = posted;
  return [
    ...(named === undefined || named === definition.name
      ? []
      : [
          {
            path: ['integration_name'],
            message: `got "${named}", expected the integration of the account, "${definition.name}"`,
          },
        ]),
    ...faultsOfJob(definition, jobOf(posted)),
  ];
}

/** What keeps a job from running, by paths into what the caller wrote. */
export function faultsOfJob(definition: Definition, job: SyncJob): readonly MeaningFault[] {
  const ofSteps = faultsOfSteps(definition, job).map((fault) => ({ ...fault, path: ['resources', ...fault.path] }));
  return [...ofSteps, ...faultsOfTiming(definition, job, job.resources)];
}
