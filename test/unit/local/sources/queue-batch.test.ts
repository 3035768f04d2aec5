import { expect, test } from 'vitest';
import { readBatchResponse, splitBySize } from '../../../../lib/local/sources/queue-batch.ts';

const ids = new Set(['a', 'b']);

test.each([
  ['nothing', null, []],
  ['an empty object', {}, []],
  ['null failures', { batchItemFailures: null }, []],
  ['no failures', { batchItemFailures: [] }, []],
  ['one failure', { batchItemFailures: [{ itemIdentifier: 'b' }] }, ['b']],
  ['all failures', { batchItemFailures: [{ itemIdentifier: 'b' }, { itemIdentifier: 'a' }] }, ['b', 'a']],
])('accepts an answer with %s', (_name, response, failed) => {
  expect(readBatchResponse(JSON.stringify(response), ids)).toEqual({
    kind: 'answered',
    failedMessageIds: new Set(failed),
  });
});

test.each([
  ['an unknown id', { batchItemFailures: [{ itemIdentifier: 'c' }] }],
  ['an empty id', { batchItemFailures: [{ itemIdentifier: '' }] }],
  ['a null id', { batchItemFailures: [{ itemIdentifier: null }] }],
  ['a wrong key', { batchItemFailures: [{ id: 'a' }] }],
  ['a null entry', { batchItemFailures: [null] }],
  ['failures that are not a list', { batchItemFailures: 'a' }],
  ['text', 'ok'],
  ['a list', []],
])('fails when an answer has %s', (_name, response) => {
  expect(readBatchResponse(JSON.stringify(response), ids).kind).toBe('invalid');
});

test('splits a batch that would not fit into one event', () => {
  const messages = [1, 2, 3, 4, 5, 6, 7].map((id) => ({ MessageId: String(id), Body: 'x'.repeat(1024 * 1024) }));
  expect(splitBySize(messages).map((batch) => batch.length)).toEqual([6, 1]);
  expect(splitBySize([])).toEqual([]);
});
