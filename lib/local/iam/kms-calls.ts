import { arn } from '../template/resource-type.ts';
import { keyCalls, type RequiredCalls } from './required-calls.ts';

/** Each needs the action of its own name on one key. */
const operations = new Set(['Decrypt', 'Encrypt', 'GenerateDataKey']);

/**
 * Permissions that a KMS request needs: the operation on its key.
 *
 * @param target - Header `X-Amz-Target`: `TrentService.Decrypt`.
 * @param keyOfCiphertext - ARN of the key that made a ciphertext: a request to decrypt may leave its key out.
 * @see https://docs.aws.amazon.com/kms/latest/developerguide/kms-api-permissions-reference.html
 */
export function kmsCalls(
  target: string,
  body: unknown,
  keyOfCiphertext: (ciphertext: string) => string | undefined,
): RequiredCalls {
  const operation = target.split('.')[1];
  if (operation === undefined || body === null || typeof body !== 'object') return { kind: 'malformed' };
  if (!operations.has(operation)) return { kind: 'unknown', operation: `kms:${operation}` };
  const { KeyId, CiphertextBlob } = body as Readonly<Record<string, unknown>>;
  const key =
    KeyId === undefined && operation === 'Decrypt' && typeof CiphertextBlob === 'string'
      ? keyOfCiphertext(CiphertextBlob)
      : KeyId;
  return typeof key === 'string' ? { kind: 'calls', calls: keyCalls(keyArn(key), operation) } : { kind: 'malformed' };
}

/** A request names a key by its ARN or by its id, which is also its `Ref`. */
export function keyArn(keyId: string): string {
  return keyId.startsWith('arn:') ? keyId : arn('kms', `key/${keyId}`);
}
