import { expect, test } from 'vitest';
import { readConditions } from '../../../../lib/local/iam/conditions.ts';
import { type Caller, mayCall, type Statement } from '../../../../lib/local/iam/may-call.ts';

const role = 'arn:aws:iam::222222222222:role/tributary-events';
const assuming = (context: Record<string, string> = {}) => ({ action: 'sts:AssumeRole', resource: role, context });
const caller = (...statements: Statement[]): Caller => ({ accessKeyId: 'ASIA', arn: 'arn:caller', statements });
const allow = (condition: unknown, resource = 'arn:aws:iam::*:role/tributary-*'): Statement => ({
  effect: 'Allow',
  actions: ['sts:AssumeRole'],
  resources: [resource],
  conditions: readConditions(condition) ?? [],
});

test.each([
  ['StringLike', 'tributary-*', 'tributary-1', true],
  ['StringLike', 'tributary-*', 'other', false],
  ['StringEquals', 'tributary-*', 'tributary-1', false],
  ['StringEquals', ['a', 'tributary-1'], 'tributary-1', true],
])('%s %o holds for the external id %s: %s', (operator, value, externalId, holds) => {
  const statement = allow({ [operator]: { 'sts:ExternalId': value } });
  const verdict = mayCall(caller(statement), assuming({ 'sts:externalid': externalId }));
  expect(verdict.kind).toBe(holds ? 'allowed' : 'denied');
});

test('fails when a request has no value for a condition', () => {
  const statement = allow({ StringLike: { 'sts:ExternalId': '*' } });
  expect(mayCall(caller(statement), assuming()).kind).toBe('denied');
});

test.each([
  { StringLike: { 'aws:PrincipalArn': '*' } },
  { Null: { 'sts:ExternalId': 'false' } },
  { StringEquals: { 'sts:ExternalId': [1] } },
  'text',
])('fails when a condition is %o, which cannot be evaluated', (condition) => {
  expect(readConditions(condition)).toBeUndefined();
});

test('a session may do what both its role and its own policy allow', () => {
  const statement = (action: string): Statement => ({ effect: 'Allow', actions: [action], resources: ['*'] });
  const session = { ...caller(statement('sqs:*')), sessionPolicy: [statement('sqs:SendMessage')] };
  const verdictOn = (action: string) => mayCall(session, { action, resource: 'arn:aws:sqs:eu-west-1:2:orders' });
  expect(verdictOn('sqs:SendMessage').kind).toBe('allowed');
  expect(verdictOn('sqs:DeleteMessage')).toMatchObject({
    kind: 'denied',
    message: expect.stringContaining('session policy'),
  });
  expect(verdictOn('events:PutEvents').kind).toBe('denied');
});
