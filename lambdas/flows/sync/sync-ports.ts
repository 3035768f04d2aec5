import type { PollOutcome } from '../../contracts/outcomes.ts';
import type { PreparedResources } from '../../engine/mapping/check-resource.ts';
import type { AccountStore } from '../../ports/accounts/account-store.ts';
import type { PollQueue } from '../../ports/events/queues.ts';
import type { RecordDirectory } from '../../ports/events/record-states.ts';
import type { SyncStore } from '../../ports/sync/sync-store.ts';
import type { DefinitionPorts } from '../provider/definition-for.ts';
import type { ProviderPorts } from '../provider/provider-ports.ts';
import type { PublishPorts } from '../publish/publication.ts';

/** What has become of records that a run found. */
export type FoundOutcomes = { readonly [Outcome in PollOutcome]?: number };

/** What running a sync takes. */
export interface SyncPorts extends PublishPorts, DefinitionPorts {
  readonly accounts: AccountStore;
  readonly syncs: SyncStore;
  readonly pollQueue: PollQueue;
  readonly provider: ProviderPorts;
  /** The records that the engine knows of an account. */
  readonly directory: RecordDirectory;
  readonly schemas: PreparedResources;
  /** Days that events are kept, of tenants that have no shorter time of their own. */
  readonly retentionDays: number;
  /** Called before the progress of the run is written: a run that dies between the two counts again. */
  readonly onFound?: (outcomes: FoundOutcomes) => void;
}
