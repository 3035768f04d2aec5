import type { Call } from './may-call.ts';

/** What a request must be allowed to do, all of it. */
export type RequiredCalls =
  | { readonly kind: 'calls'; readonly calls: readonly Call[] }
  /** An operation that no one described here: it is denied, since what it needs is not known. */
  | { readonly kind: 'unknown'; readonly operation: string }
  /** No request that the service would look at: the emulator answers it. */
  | { readonly kind: 'malformed' };

/** ARN of the customer-managed key that encrypts a table, bucket or queue, by its ARN. */
export type KeyOf = (resourceArn: string) => string | undefined;

/** The calls of an encrypted resource's key, if it has one. */
export function keyCalls(keyArn: string | undefined, ...actions: readonly string[]): Call[] {
  return keyArn === undefined ? [] : actions.map((action) => ({ action: `kms:${action}`, resource: keyArn }));
}
