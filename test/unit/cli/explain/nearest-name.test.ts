import { expect, test } from 'vitest';
import { nearestName } from '../../../../lib/cli/explain/nearest-name.ts';

const names = ['hmac', 'digest', 'public_key', 'signing_secret'];

test.each([
  ['hmca', 'hmac'],
  ['HMAC', 'hmac'],
  ['publicKey', 'public_key'],
  ['signing_secert', 'signing_secret'],
  ['signingsecret', 'signing_secret'],
])('takes %s for %s', (written, meant) => {
  expect(nearestName(written, names)).toBe(meant);
});

test.each(['', 'x', 'completely_else'])('takes "%s" for nothing', (written) => {
  expect(nearestName(written, names)).toBeUndefined();
});
