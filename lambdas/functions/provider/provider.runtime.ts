import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createKmsCredentialCipher } from '../../adapters/aws/kms-credential-cipher.ts';
import { createDynamoBudgetStore } from '../../adapters/dynamo/stores/budget-store.ts';
import { createDynamoCredentialStore } from '../../adapters/dynamo/stores/credential-store.ts';
import { createEndpointPools } from '../../adapters/http/endpoint-pools.ts';
import { createUndiciProviderApi } from '../../adapters/http/undici-provider-api.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemPause } from '../../adapters/node/system-pause.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { readHosts } from '../../contracts/read-hosts.ts';
import { createBudgets } from '../../flows/provider/budgets.ts';
import type { ProviderPorts } from '../../flows/provider/provider-ports.ts';
import type { EnrichQueue } from '../../ports/events/queues.ts';
import type { Expressions } from '../../ports/runtime/expressions.ts';
import { createEgress } from '../invocation/egress.runtime.ts';
import type { Environment } from '../invocation/environment.ts';

type ProviderKey =
  | typeof environmentKeys.credentialsTable
  | typeof environmentKeys.credentialsKey
  | typeof environmentKeys.limitsTable
  | typeof environmentKeys.providerHosts
  | typeof environmentKeys.egressAllowHttp
  | typeof environmentKeys.egressAllowedRanges
  | typeof environmentKeys.ownOrigins;

/** Environment to ports, for the functions that call providers: the only ones that may open credentials. */
export function createProviderPorts(
  env: Pick<Environment<'enrich'>, ProviderKey>,
  dynamo: DynamoDBClient,
  expressions: Expressions,
  news: EnrichQueue,
): ProviderPorts {
  const egress = createEgress(env);
  const runtime = { clock: systemClock, pause: systemPause, randomness: systemRandomness };
  return {
    ...runtime,
    budgets: createBudgets({
      ...runtime,
      budgets: createDynamoBudgetStore(dynamo, env[environmentKeys.limitsTable], systemClock),
    }),
    credentials: createDynamoCredentialStore(dynamo, env[environmentKeys.credentialsTable], systemClock),
    cipher: createKmsCredentialCipher(env[environmentKeys.credentialsKey], systemClock),
    api: createUndiciProviderApi(
      egress,
      createEndpointPools(egress, systemClock),
      readHosts(env[environmentKeys.providerHosts]),
    ),
    expressions,
    news,
  };
}
