import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import { startErasure } from '../../../lambdas/flows/tenants/erase-tenant.ts';
import { createGovernHandler } from '../../../lambdas/functions/govern/handler.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { furnishTenant, tracesOf } from '../../fakes/furnish-tenant.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';

const log = new Logger({ logLevel: 'SILENT' });
const toRecord = (body: string, index: number) => ({ messageId: `m${index}`, body }) as SQSRecord;

function governOn(engine: FakeEngine, ports: Partial<FakeEngine['erasePorts']> = {}) {
  const outcomes = createOutcomeTally();
  const handler = createGovernHandler({
    ports: { ...engine.erasePorts, ...ports },
    log,
    outcomes,
    outcomesNow: outcomes,
  });
  return { outcomes, give: (...bodies: readonly string[]) => handler({ Records: bodies.map(toRecord) }) };
}

describe('a message of the governance queue', () => {
  test('continues an erasure, which is counted once it is done', async () => {
    const engine = createFakeEngine();
    await furnishTenant(engine, 'acme');
    await startErasure(engine.startErasurePorts, 'acme', 'key_admin');
    const { outcomes, give } = governOn(engine);
    for (const passes of [1, 2]) {
      const messages = engine.governanceQueue.receive();
      expect(await give(...messages.map(({ body }) => body))).toEqual({ batchItemFailures: [] });
      for (const { id } of messages) engine.governanceQueue.remove(id);
      expect(outcomes.sum('tenants-erased')).toBe(passes - 1);
      engine.clock.advance(900_000);
    }
    expect(engine.governanceQueue.messages()).toEqual([]);
    expect(await tracesOf(engine, 'acme')).toEqual({});
  });

  test('that is redelivered after its erasure is done does nothing', async () => {
    const { outcomes, give } = governOn(createFakeEngine());
    const message = JSON.stringify({ kind: 'erase', tenant: 'acme', erasure: 'ers_none' });
    expect(await give(message)).toEqual({ batchItemFailures: [] });
    expect(outcomes.sum('tenants-erased')).toBe(0);
  });

  test('that fails is retried alone', async () => {
    const engine = createFakeEngine();
    await startErasure(engine.startErasurePorts, 'acme', 'key_admin');
    const [message] = engine.governanceQueue.receive();
    const broken = { ...engine.erasePorts.events, find: () => Promise.reject(new Error('no table')) };
    const { give } = governOn(engine, { events: broken });
    expect(await give(message?.body ?? '')).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }] });
  });

  test.each([
    'no JSON',
    'null',
    '{}',
    '{"kind":"erase","tenant":"","erasure":"ers_1"}',
    '{"kind":"drain","tenant":"a","erasure":"e"}',
  ])('fails when it is %s', async (body) => {
    const { give } = governOn(createFakeEngine());
    expect(await give(body)).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }] });
  });
});
