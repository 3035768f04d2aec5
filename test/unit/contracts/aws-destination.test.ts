import { expect, test } from 'vitest';
import {
  endpointOf,
  readBusArn,
  readQueueUrl,
  readRoleArn,
  readStreamArn,
} from '../../../lambdas/contracts/aws-destination.ts';

test.each([
  ['https://sqs.eu-west-1.amazonaws.com/222222222222/orders', 'arn:aws:sqs:eu-west-1:222222222222:orders'],
  ['https://sqs.us-east-1.amazonaws.com/222222222222/orders.fifo', 'arn:aws:sqs:us-east-1:222222222222:orders.fifo'],
  ['https://sqs.cn-north-1.amazonaws.com.cn/222222222222/orders', 'arn:aws-cn:sqs:cn-north-1:222222222222:orders'],
  ['https://sqs.us-gov-west-1.amazonaws.com/222222222222/a-b_c', 'arn:aws-us-gov:sqs:us-gov-west-1:222222222222:a-b_c'],
  [
    'https://sqs.eusc-de-east-1.amazonaws.eu/222222222222/orders',
    'arn:aws-eusc:sqs:eusc-de-east-1:222222222222:orders',
  ],
])('%s is the queue %s', (url, arn) => {
  expect(readQueueUrl(url)?.arn).toBe(arn);
});

const account = '222222222222';
test.each([
  '',
  `http://sqs.eu-west-1.amazonaws.com/${account}/orders`,
  `https://sqs.eu-west-1.amazonaws.com:8443/${account}/orders`,
  `https://sqs.eu-west-1.amazonaws.com@evil.example/${account}/orders`,
  `https://sqs.eu-west-1.amazonaws.com.evil.example/${account}/orders`,
  `https://evil.example/sqs.eu-west-1.amazonaws.com/${account}/orders`,
  `https://sqs.eu-west-1.amazonaws.com/${account}/orders?x=1`,
  `https://sqs.eu-west-1.amazonaws.com/${account}/orders#`,
  `https://sqs.eu-west-1.amazonaws.com/${account}/orders/`,
  `https://sqs.eu-west-1.amazonaws.com/${account}/orders\n`,
  `\nhttps://sqs.eu-west-1.amazonaws.com/${account}/orders`,
  `https://sqs.eu-west-1.amazonaws.com/${account}/..`,
  `https://sqs.eu-west-1.amazonaws.com/${account}/%2e%2e`,
  'https://sqs.eu-west-1.amazonaws.com/22222222222/orders',
  `https://sqs.localhost.amazonaws.com/${account}/orders`,
  `https://sqs.evil.amazonaws.com/${account}/orders`,
  `https://sqs.eu-west-1.amazonaws.com.cn/${account}/orders`,
  `https://sqs.cn-north-1.amazonaws.com/${account}/orders`,
  `https://eu-west-1.queue.amazonaws.com/${account}/orders`,
  `https://sqs.eu-west-1.amazonaws.com/${account}/${'q'.repeat(81)}`,
  `https://sqs.eu-west-1.amazonaws.com/${account}/${'q'.repeat(76)}.fifo`,
  `https://SQS.eu-west-1.amazonaws.com/${account}/orders`,
])('fails when a queue is %o', (url) => {
  expect(readQueueUrl(url)).toBeUndefined();
});

test('buses and streams are named by their ARNs, in a region of their partition', () => {
  const bus = 'arn:aws:events:eu-west-1:222222222222:event-bus/orders';
  const stream = 'arn:aws:kinesis:eu-west-1:222222222222:stream/orders';
  expect(readBusArn(bus)).toMatchObject({ region: 'eu-west-1', account, name: 'orders', arn: bus });
  expect(readStreamArn(stream)).toMatchObject({ region: 'eu-west-1', account, name: 'orders', arn: stream });
  expect(readBusArn(stream)).toBeUndefined();
  expect(readStreamArn(bus)).toBeUndefined();
  expect(readBusArn(bus.replace('eu-west-1', 'cn-north-1'))).toBeUndefined();
  expect(readBusArn(bus.replace('eu-west-1', 'nowhere'))).toBeUndefined();
  expect(readStreamArn(`${stream}\n`)).toBeUndefined();
});

test('only roles with the prefix, without a path, may be assumed', () => {
  expect(readRoleArn('arn:aws:iam::222222222222:role/tributary-events')).toEqual({
    partition: 'aws',
    account,
    name: 'tributary-events',
  });
  for (const arn of [
    'arn:aws:iam::222222222222:role/admin',
    'arn:aws:iam::222222222222:role/path/tributary-events',
    'arn:aws:iam::222222222222:role/tributary-events/admin',
    'arn:aws:iam::222222222222:user/tributary-events',
    'arn:aws:sts::222222222222:assumed-role/tributary-events/x',
    'arn:aws-other:iam::222222222222:role/tributary-events',
    'arn:aws:iam::222222222222:role/tributary-*',
    'arn:aws:iam::*:role/tributary-events',
    `arn:aws:iam::222222222222:role/tributary-${'x'.repeat(55)}`,
  ])
    expect([arn, readRoleArn(arn)]).toEqual([arn, undefined]);
});

test('an endpoint is made of a region only', () => {
  expect(endpointOf('kinesis', 'eu-west-1')).toBe('https://kinesis.eu-west-1.amazonaws.com');
  expect(endpointOf('events', 'cn-north-1')).toBe('https://events.cn-north-1.amazonaws.com.cn');
  expect(() => endpointOf('sqs', 'evil.example/')).toThrow('is not a region of AWS');
});
