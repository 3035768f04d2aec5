import { expect, test } from 'vitest';
import { describeOutcome } from '../../../lib/local/simulators/describe-outcome.ts';

const received = { level: 'INFO', message: 'request received', integration: 'github', account: 'acc_1' };
const normalized = { ...received, message: 'request normalized', rawId: 'raw_1' };

test.each([
  [{ ...received, outcome: 'rejected', reason: 'signature-mismatch' }, 'rejected github acc_1: signature-mismatch'],
  [
    { ...received, account: undefined, outcome: 'unknown' },
    'rejected github (the URL for all accounts): there is no such integration, or no such account of it',
  ],
  [{ ...received, outcome: 'malformed' }, 'rejected github acc_1: the body cannot be read'],
  [
    { ...normalized, outcome: 'dead-lettered', reason: 'mapping failed: timeout' },
    'dead-lettered github acc_1: mapping failed: timeout',
  ],
  [
    { ...normalized, account: undefined, outcome: 'unrouted' },
    'unrouted github (the URL for all accounts): parked until an account has its context',
  ],
  [
    { ...received, account: 'a\nready http://evil', outcome: 'rejected' },
    'rejected github a ready http://evil: rejected',
  ],
])('tells in one line what came to nothing: %j', (line, told) => {
  expect(describeOutcome(JSON.stringify(line))).toBe(told);
});

test.each([
  JSON.stringify({ ...received, outcome: 'accepted' }),
  JSON.stringify({ ...received, outcome: 'handshake' }),
  JSON.stringify({ ...normalized, outcome: 'mapped' }),
  JSON.stringify({ ...normalized, outcome: 'ignored' }),
  JSON.stringify({ message: 'delivery attempted', outcome: 'dead-lettered' }),
  'START RequestId: 1',
  '{ no JSON',
])('tells nothing of what went well, nor of other lines: %s', (line) => {
  expect(describeOutcome(line)).toBeUndefined();
});
