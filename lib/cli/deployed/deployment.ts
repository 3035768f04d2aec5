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

/**
 * An output of the engine. In a stack of another app its name has the construct's before it and a hash behind it.
 *
 * @returns Undefined where the stack has none, or has those of several engines.
 */
export function outputOf({ outputs }: Deployment, name: string): string | undefined {
  const inApp = new RegExp(`${name}[0-9A-F]{8}$`);
  const found = [...outputs].filter(([key]) => key === name || inApp.test(key));
  return found.length === 1 ? found[0]?.[1] : undefined;
}
