import assert from 'node:assert/strict';
import { expect } from 'vitest';
import type { SecretValues, WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import type { IntegrationUnderTest } from './integration-under-test.ts';

/** Expect a rejection with a reason, whose text does not help to forge a request. */
export function expectRejection(
  { keys, receive }: IntegrationUnderTest,
  request: WebhookRequest,
  valid: WebhookRequest,
  { values = keys.secrets, change }: { readonly values?: SecretValues; readonly change?: string } = {},
) {
  const reception = receive(request, values);
  const verdict = reception.kind === 'malformed' ? reception.verdict : reception;
  expect(verdict, change).toMatchObject({ kind: 'rejected', reason: expect.stringMatching(/^[a-z-]+$/) });
  const told = JSON.stringify(reception);
  for (const header of proofHeaders(request, valid)) expect(told, change).not.toContain(valid.headers[header]);
  return verdict;
}

/** Headers whose values differ between two requests: with two signing keys, those that carry a proof. */
export function proofHeaders(one: WebhookRequest, other: WebhookRequest): readonly string[] {
  return Object.keys(one.headers).filter((name) => one.headers[name] !== other.headers[name]);
}

/** Positions in the body that depend on the secret; the bodies have the same length, as the secrets do. */
export function differingBytes(one: Buffer, other: Buffer): readonly number[] {
  assert.equal(one.length, other.length);
  return [...one.keys()].filter((at) => one[at] !== other[at]);
}

/** Whether two bodies are the same form: a signature covers the fields, whose encoding may vary (%2F or %2f). */
export function isSameForm({ headers, body }: WebhookRequest, changed: Buffer): boolean {
  if (!headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return false;
  const [one, two] = [body, changed].map((bytes) => [...new URLSearchParams(bytes.toString('utf8'))]);
  return JSON.stringify(one) === JSON.stringify(two);
}

/** Describe the place of a bit for a failure message; bit 0 is the lowest of its byte. */
export function placeOf(bit: number): string {
  return `byte ${bit >> 3}, bit ${bit & 7}`;
}

export function flipBit(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
  return flipped;
}
