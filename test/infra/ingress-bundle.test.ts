import { expect, test } from 'vitest';
import { budgets } from '../bench/budgets.ts';
import { loadedCode } from '../bench/loaded-code.ts';

const { bytes, byPackage } = loadedCode('ingress');
const loads = (name: string) => (byPackage.get(name) ?? 0) > 0;

test('ingress loads no more than its budget before its first request', () => {
  expect(bytes).toBeGreaterThan(100_000);
  expect(bytes).toBeLessThanOrEqual(budgets.ingressBundleBytes);
});

test('ingress loads the SDK clients that each request needs, and no other', () => {
  const clients = [...byPackage.keys()].filter((name) => name.startsWith('@aws-sdk/client-') && loads(name));
  expect(clients.sort()).toEqual(['@aws-sdk/client-dynamodb', '@aws-sdk/client-sqs']);
});

test.each(['fast-xml-parser', 'jsonata', 'zod', 'ajv', 'jose', 're2js', 'yaml'])('ingress does not load %s', (name) => {
  expect(loads(name)).toBe(false);
});
