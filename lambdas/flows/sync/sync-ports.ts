import type { Definition } from '../../engine/definition/schema.ts';
import type { PreparedResources } from '../../engine/mapping/check-resource.ts';
import type { AccountStore } from '../../ports/accounts/account-store.ts';
import type { PollQueue } from '../../ports/events/queues.ts';
import type { RecordDirectory } from '../../ports/events/record-states.ts';
import type { SyncStore } from '../../ports/sync/sync-store.ts';
import type { ProviderPorts } from '../provider/provider-ports.ts';
import type { PublishPorts } from '../publish/publication.ts';

/** What running a sync takes. */
export interface SyncPorts extends PublishPorts {
  readonly accounts: AccountStore;
  readonly definition: (integration: string) => Promise<Definition | undefined>;
  readonly syncs: SyncStore;
  readonly pollQueue: PollQueue;
  readonly provider: ProviderPorts;
  /** The records that the engine knows of an account. */
  readonly directory: RecordDirectory;
  readonly schemas: PreparedResources;
}
