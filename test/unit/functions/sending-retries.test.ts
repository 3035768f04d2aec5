import { expect, test } from 'vitest';
import { environmentKeys, functionEnvironments } from '../../../lambdas/contracts/environment.ts';
import { createSendingRetries } from '../../../lambdas/functions/sending/sending.runtime.ts';

const shadowQueueUrl = 'https://sqs.eu-west-1.amazonaws.com/111111111111/Tributary-ShadowQueue';

test('drain hides failed messages of its second queue there; deliver has one queue', () => {
  const variables = Object.fromEntries(
    [...functionEnvironments.deliver, ...functionEnvironments.drain].map((key) => [key, 'any']),
  );
  const retries = (name: 'deliver' | 'drain') =>
    createSendingRetries(name, { ...variables, [environmentKeys.shadowQueueUrl]: shadowQueueUrl });
  expect([...(retries('drain').otherQueues?.keys() ?? [])]).toEqual(['Tributary-ShadowQueue']);
  expect(retries('deliver').otherQueues).toBeUndefined();
});
