import { arn } from '../template/resource-type.ts';
import type { RequiredCalls } from './required-calls.ts';

/**
 * Permissions that an EventBridge request needs: to put events on each bus that its entries name, or to describe one.
 *
 * @param target - Header `X-Amz-Target`: `AWSEvents.PutEvents` or `AWSEvents.DescribeEventBus`.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
 */
export function eventbridgeCalls(target: string, body: unknown): RequiredCalls {
  const operation = target.split('.')[1];
  if (operation === undefined || body === null || typeof body !== 'object') return { kind: 'malformed' };
  if (operation === 'DescribeEventBus') {
    const { Name = 'default' } = body as { readonly Name?: unknown };
    if (typeof Name !== 'string') return { kind: 'malformed' };
    return { kind: 'calls', calls: [{ action: 'events:DescribeEventBus', resource: busArn(Name) }] };
  }
  if (operation !== 'PutEvents') return { kind: 'unknown', operation: `events:${operation}` };
  const { Entries } = body as { readonly Entries?: unknown };
  if (!Array.isArray(Entries)) return { kind: 'malformed' };
  const named = Entries.map((entry: { readonly EventBusName?: unknown } | null) => entry?.EventBusName);
  const buses = new Set(named.map((name) => (typeof name === 'string' ? name : 'default')));
  return {
    kind: 'calls',
    calls: [...buses].map((bus) => ({ action: 'events:PutEvents', resource: busArn(bus) })),
  };
}

/** A request may also name a bus by its ARN. */
export function busArn(name: string): string {
  return name.startsWith('arn:') ? name : arn('events', `event-bus/${name}`);
}
