import { expect, test } from 'vitest';
import { describeOutcomes } from '../../../../lib/local/simulators/describe-outcome.ts';

const received = { level: 'INFO', message: 'request received', integration: 'github', account: 'acc_1' };
const normalized = (...requests: object[]) => ({
  level: 'INFO',
  message: 'requests normalized',
  requests: requests.map((request) => ({ rawId: 'raw_1', integration: 'github', account: 'acc_1', ...request })),
});

test.each([
  [{ ...received, outcome: 'rejected', reason: 'signature-mismatch' }, 'rejected github acc_1: signature-mismatch'],
  [
    { ...received, account: undefined, outcome: 'unknown' },
    'rejected github (the URL for all accounts): there is no such integration, or no such account of it',
  ],
  [{ ...received, outcome: 'malformed' }, 'rejected github acc_1: the body cannot be read'],
  [
    normalized({ outcome: 'dead-lettered', reason: 'mapping failed: timeout' }),
    'dead-lettered github acc_1: mapping failed: timeout',
  ],
  [
    normalized({ outcome: 'mapped' }, { account: undefined, outcome: 'unrouted' }),
    'unrouted github (the URL for all accounts): parked until an account has its context',
  ],
  [
    { ...received, account: 'a\nready http://evil', outcome: 'rejected' },
    'rejected github a ready http://evil: rejected',
  ],
])('describes a request without events in one line: %j', (line, told) => {
  expect(describeOutcomes(JSON.stringify(line))).toEqual([told]);
});

test('describes each request of a batch that made no event', () => {
  const line = normalized(
    { outcome: 'dead-lettered', reason: 'one' },
    { outcome: 'mapped' },
    { account: 'acc_2', outcome: 'dead-lettered', reason: 'another' },
  );
  expect(describeOutcomes(JSON.stringify(line))).toEqual([
    'dead-lettered github acc_1: one',
    'dead-lettered github acc_2: another',
  ]);
});

test.each([
  JSON.stringify({ ...received, outcome: 'accepted' }),
  JSON.stringify({ ...received, outcome: 'handshake' }),
  JSON.stringify(normalized({ outcome: 'mapped' }, { outcome: 'ignored' })),
  JSON.stringify({ message: 'requests normalized', outcome: 'unrouted', integration: 'github' }),
  JSON.stringify({ message: 'deliveries attempted', deliveries: [{ outcome: 'dead-lettered' }] }),
  'START RequestId: 1',
  '{ no JSON',
])('describes neither successful requests nor other lines: %s', (line) => {
  expect(describeOutcomes(line)).toEqual([]);
});
