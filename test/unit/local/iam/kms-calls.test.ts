import { expect, test } from 'vitest';
import { kmsCalls } from '../../../../lib/local/iam/kms-calls.ts';

const key = 'arn:aws:kms:us-east-1:000000000000:key/Stack-Key';
const madeBy = (ciphertext: string) => (ciphertext === 'AAAA' ? key : undefined);
const callsOf = (operation: string, body: unknown) => kmsCalls(`TrentService.${operation}`, body, madeBy);

test.each([
  ['GenerateDataKey', { KeyId: key, KeySpec: 'AES_256' }],
  ['GenerateDataKey', { KeyId: 'Stack-Key', NumberOfBytes: 32 }],
  ['Encrypt', { KeyId: key, Plaintext: 'AAAA' }],
  ['Decrypt', { KeyId: 'Stack-Key', CiphertextBlob: 'BBBB' }],
  ['Decrypt', { CiphertextBlob: 'AAAA' }],
])('%s needs permission on the key: %j', (operation, body) => {
  expect(callsOf(operation, body)).toEqual({
    kind: 'calls',
    calls: [{ action: `kms:${operation}`, resource: key }],
  });
});

test.each([
  ['GenerateDataKey', {}],
  ['GenerateDataKey', { KeyId: 1 }],
  ['Encrypt', { CiphertextBlob: 'AAAA' }],
  ['Decrypt', { CiphertextBlob: 'BBBB' }],
  ['Decrypt', { KeyId: null, CiphertextBlob: 'AAAA' }],
  ['Decrypt', undefined],
])('%s leaves a request without a key to the emulator: %j', (operation, body) => {
  expect(callsOf(operation, body)).toEqual({ kind: 'malformed' });
});

test('knows no other operation', () => {
  expect(callsOf('ScheduleKeyDeletion', { KeyId: key })).toEqual({
    kind: 'unknown',
    operation: 'kms:ScheduleKeyDeletion',
  });
  expect(kmsCalls('', {}, madeBy)).toEqual({ kind: 'malformed' });
});
