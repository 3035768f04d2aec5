import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { AwsCallbackOptions } from '../../adapters/aws/destinations/aws-callback-client.ts';
import { createUndiciCallbackClient } from '../../adapters/http/undici-callback-client.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { CallbackClient } from '../../ports/delivery/callback-client.ts';
import type { createEgress } from '../invocation/egress.runtime.ts';

/**
 * Calls endpoints by HTTP, and sends messages to destinations in AWS. What the latter needs is loaded with the first
 * message, because most deployments send none.
 *
 * @param dynamo - Any client of the function: it knows the function's credentials.
 */
export function createCallbackClient(
  egress: ReturnType<typeof createEgress>,
  dynamo: DynamoDBClient,
  variables: NodeJS.ProcessEnv,
): CallbackClient {
  const http = createUndiciCallbackClient(egress, systemClock);
  let loading: Promise<CallbackClient> | undefined;
  const load = () => {
    loading ??= import('../../adapters/aws/destinations/aws-callback-client.ts').then(({ createAwsCallbackClient }) =>
      createAwsCallbackClient(systemClock, awsOptions(dynamo, variables)),
    );
    return loading;
  };
  return {
    post: async (request) => (request.message === undefined ? http.post(request) : (await load()).post(request)),
  };
}

/** The variables that the SDK reads; the local runner sets those of endpoints. */
function awsOptions(dynamo: DynamoDBClient, variables: NodeJS.ProcessEnv): AwsCallbackOptions {
  return {
    credentials: () => dynamo.config.credentials(),
    region: variables['AWS_REGION'] ?? '',
    endpoint: variables['AWS_ENDPOINT_URL_STS'],
    endpoints: {
      sqs: variables['AWS_ENDPOINT_URL_SQS'],
      events: variables['AWS_ENDPOINT_URL_EVENTBRIDGE'],
      kinesis: variables['AWS_ENDPOINT_URL_KINESIS'],
    },
  };
}
