import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSEvent } from 'aws-lambda';
import { expect, test } from 'vitest';
import { prepareResources, type ResourceSchema } from '../../../lambdas/engine/mapping/check-resource.ts';
import { traceOfRequest } from '../../../lambdas/engine/trace/trace-ids.ts';
import { createNormalizationCounter } from '../../../lambdas/flows/normalize/count-normalizations.ts';
import type { NormalizePorts } from '../../../lambdas/flows/normalize/normalization.ts';
import { createNormalizeHandler } from '../../../lambdas/functions/normalize/handler.ts';
import { createFakeEngine } from '../../fakes/fake-engine.ts';
import { noTelemetry } from '../../fakes/no-telemetry.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { anAccount, staff } from '../../fakes/samples.ts';
import { followFeed } from '../follow-feed.ts';
import { type Change, rawMessage } from '../provider-request.ts';

const employees: ResourceSchema & Record<string, unknown> = {
  $id: 'urn:tributary:resource:hris/employees',
  title: 'Employee',
  description: 'A person who works.',
  version: '1.2.0',
  type: 'object',
  properties: { id: { type: 'string' }, labels: { type: 'array', items: { type: 'string' } } },
  required: ['id'],
  additionalProperties: false,
};

const mapping = `[body.changes.{
  "event_type": verb, "raw_event_type": "employee." & verb, "resource": "hris/employees", "record_id": id,
  "data": $merge([{ "id": id }, name ? { "labels": [1..$number(name)].("a label"), "name": name }])
}]`;

/** Normalize one request for each list of changes, on an engine that knows the schema. */
async function normalize(requests: readonly (readonly Change[])[]) {
  const engine = createFakeEngine();
  await engine.accounts.create(anAccount());
  const known = await engine.normalizePorts.integration(staff.name);
  if (known === undefined) throw new Error('the fake engine knows staff');
  const resources = prepareResources(new Map([['hris/employees', employees]]));
  const ports: NormalizePorts = {
    ...engine.normalizePorts,
    integration: async () => ({ ...known, mapping, resources }),
  };
  const outcomes = createOutcomeTally();
  const log = new Logger({ logLevel: 'SILENT' });
  const warnings: unknown[] = [];
  const Records = requests.map((changes, index) => ({
    messageId: String(index),
    body: JSON.stringify(rawMessage(`raw_${index}`, changes)),
  }));
  const statistics = createNormalizationCounter(engine.countPorts);
  const response = await createNormalizeHandler({
    ports,
    log,
    ...noTelemetry,
    warn: (...line) => void warnings.push(line),
    outcomes,
    outcomesNow: outcomes,
    statistics,
  })({
    Records,
  } as SQSEvent);
  expect(response.batchItemFailures).toEqual([]);
  const reader = followFeed(engine.feedPorts, 'acme');
  await reader.read();
  return { outcomes, warnings, events: reader.seen };
}

test('an event that does not match its schema is published, counted, and logged by its path only', async () => {
  const { outcomes, warnings, events } = await normalize([
    [{ verb: 'created', id: '1', name: '2' }],
    [{ verb: 'deleted', id: '2' }],
  ]);
  expect(events).toMatchObject([
    { record_id: '1', schema_version: '1.2.0', data: { name: '2' } },
    { record_id: '2', schema_version: '1.2.0' },
  ]);
  expect(outcomes.sum('schema-drift')).toBe(1);
  expect(outcomes.sum('published')).toBe(2);
  expect(warnings).toEqual([
    [
      'data does not fit the schema of its resource',
      {
        correlation_id: traceOfRequest('raw_0'),
        rawId: 'raw_0',
        integration: 'staff',
        resource: 'hris/employees',
        path: 'name',
        expected: 'no such property',
      },
      { values: { 'schema-drift': 1 }, dimensions: { integration: 'staff' }, by: [['integration']] },
    ],
  ]);
});

test('events of one request with the same drift are each counted, and logged once', async () => {
  const { outcomes, warnings } = await normalize([
    [...Array(30).keys()].map((id) => ({ verb: 'created', id: String(id), name: '1' })),
  ]);
  expect(outcomes.sum('schema-drift')).toBe(30);
  expect(warnings).toHaveLength(1);
});

test('data that matches is not logged', async () => {
  const { outcomes, warnings } = await normalize([[{ verb: 'created', id: '1' }]]);
  expect(outcomes.sum('schema-drift')).toBe(0);
  expect(warnings).toEqual([]);
});
