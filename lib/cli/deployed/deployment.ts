import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { ClaimStore } from '../../../lambdas/ports/events/claim-store.ts';

/** A deployed stack, as the credentials of the command line see it. */
export interface Deployment {
  /** Values of the stack's outputs, by name. */
  readonly outputs: ReadonlyMap<string, string>;
  readonly dynamo: DynamoDBClient;
  readonly bucket: (name: string) => Pick<ClaimStore, 'put'>;
}

/** The name of a stage's stack. */
export const stackOf = (stage: string) => `Tributary-${stage}`;
