import { expect, test } from 'vitest';
import type { AwsDestinationRequest } from '../../../../lambdas/contracts/aws-destination.ts';
import { destinationConflict } from '../../../../lambdas/engine/destination/destination-conflict.ts';
import { escapeNoncharacters } from '../../../../lambdas/engine/destination/message-body.ts';
import { labelsOf } from '../../../../lambdas/engine/destination/message-labels.ts';
import { anEvent } from '../../../fakes/samples.ts';

const own = { principal: 'arn:aws:iam::111111111111:root', isAllowed: false };
const queue: AwsDestinationRequest = {
  type: 'sqs',
  queue_url: 'https://sqs.eu-west-1.amazonaws.com/222222222222/orders',
  role_arn: 'arn:aws:iam::222222222222:role/tributary-events',
};

test('a queue and a role of one other account may be used', () => {
  expect(destinationConflict(queue, own)).toBeUndefined();
});

test.each([
  ['the role is of another account', { role_arn: 'arn:aws:iam::333333333333:role/tributary-events' }, 'role_arn'],
  ['the role is of another partition', { role_arn: 'arn:aws-cn:iam::222222222222:role/tributary-events' }, 'role_arn'],
  [
    'the queue is of another partition',
    { queue_url: 'https://sqs.cn-north-1.amazonaws.com.cn/222222222222/orders' },
    'queue_url',
  ],
  ['the queue is elsewhere', { queue_url: 'https://example.com/222222222222/orders' }, 'queue_url'],
  ['the role lacks the prefix', { role_arn: 'arn:aws:iam::222222222222:role/admin' }, 'role_arn'],
])('fails when %s', (_, members, path) => {
  expect(destinationConflict({ ...queue, ...members }, own)?.path).toBe(`destination.${path}`);
});

test('the own account may be used only where the deployer allows it', () => {
  const inOwn = {
    ...queue,
    queue_url: queue.queue_url.replace('222222222222', '111111111111'),
    role_arn: queue.role_arn.replace('222222222222', '111111111111'),
  };
  expect(destinationConflict(inOwn, own)).toEqual({
    path: 'destination.role_arn',
    reason: 'expected a role of another account than that of Tributary itself',
  });
  expect(destinationConflict(inOwn, { ...own, isAllowed: true })).toBeUndefined();
});

test('characters that SQS rejects are escaped, and the value stays the same', () => {
  const text = JSON.stringify({ text: 'a\uFFFE\uFFFFb\u{1F600}' });
  expect(escapeNoncharacters(text)).not.toMatch(/[\uFFFE\uFFFF]/);
  expect(JSON.parse(escapeNoncharacters(text))).toEqual(JSON.parse(text));
});

test('the key of a message is that of its record, or of its tenant where the tenant has the order', () => {
  const event = { ...anEvent(), sequence: 1 };
  const keyOf = (one: typeof event, ordering: 'none' | 'record' | 'tenant') =>
    labelsOf(one, { id: 'sub_1', ordering }, false).key;
  const other = { ...event, record_id: 'another' };
  expect(keyOf(event, 'none')).toMatch(/^[\w-]{43}$/);
  expect(keyOf(event, 'none')).toBe(keyOf({ ...event, id: 'evt_other' }, 'record'));
  expect(keyOf(event, 'record')).not.toBe(keyOf(other, 'record'));
  expect(keyOf(event, 'tenant')).toBe(keyOf(other, 'tenant'));
  expect(keyOf(event, 'tenant')).not.toBe(keyOf({ ...event, tenant: 'other' }, 'tenant'));
});
