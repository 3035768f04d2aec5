import type { AccountStore } from '../../ports/accounts/account-store.ts';
import type { SubscriptionStore } from '../../ports/delivery/subscription-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { HttpCaller } from '../../ports/runtime/http-caller.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { ApiKeyDirectory } from '../../ports/tenants/api-key-store.ts';

export interface CanaryPorts {
  readonly http: HttpCaller;
  readonly apiKeys: Pick<ApiKeyDirectory, 'find' | 'create' | 'replace'>;
  readonly accounts: Pick<AccountStore, 'get'>;
  readonly subscriptions: Pick<SubscriptionStore, 'getMany'>;
  readonly clock: Clock;
  readonly randomness: Randomness;
  /** Origin of the deployment, without a trailing slash. */
  readonly publicUrl: string;
}
