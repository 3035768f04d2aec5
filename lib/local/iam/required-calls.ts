import type { Call } from './may-call.ts';

/** The permissions that a request needs, all of them. */
export type RequiredCalls =
  | { readonly kind: 'calls'; readonly calls: readonly Call[] }
  /** An operation that is not described here: denied, because its permissions are unknown. */
  | { readonly kind: 'unknown'; readonly operation: string }
  /** A request that the service would reject before it checks permissions: the emulator answers it. */
  | { readonly kind: 'malformed' };

/** ARN of the customer-managed key that encrypts a table, bucket or queue, by its ARN. */
export type KeyOf = (resourceArn: string) => string | undefined;

/** Name of a table's partition key, by the table's ARN. */
export type PartitionKeyOf = (tableArn: string) => string | undefined;

/** Permissions on the key of an encrypted resource; none if it has no key. */
export function keyCalls(keyArn: string | undefined, ...actions: readonly string[]): Call[] {
  return keyArn === undefined ? [] : actions.map((action) => ({ action: `kms:${action}`, resource: keyArn }));
}
