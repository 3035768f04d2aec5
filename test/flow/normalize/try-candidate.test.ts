import { describe, expect, test } from 'vitest';
import type { RawMessage } from '../../../lambdas/contracts/messages.ts';
import type {
  NormalizePorts,
  NormalizingIntegration,
  RawDelivery,
} from '../../../lambdas/flows/normalize/normalization.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import type { Account } from '../../../lambdas/ports/accounts/account-store.ts';
import { maxKeptDifferences } from '../../../lambdas/ports/accounts/canary-log.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { createProgrammableExpressions } from '../../fakes/programmable-expressions.ts';
import { anAccount, aSubscription, staff } from '../../fakes/samples.ts';
import { followFeed } from '../follow-feed.ts';
import { rawMessage } from '../provider-request.ts';

const { mapping } = staff;
/** The same mapping, with another name of each person. */
const renamed = `${mapping} ~> $map(function($event) { $merge([$event, {"data": $merge([$event.data, {"name": "Dr " & $event.data.name}])}]) })`;
const key = ['acme', 'staff', 'v1'] as const;

interface World {
  readonly engine: FakeEngine;
  readonly ports: NormalizePorts;
  readonly candidateExpressions: ReturnType<typeof createProgrammableExpressions>;
}

/** An engine whose integration has a candidate, and an account that tries it. */
async function world(canary: 'compare' | 'use' | undefined, candidateMapping = renamed): Promise<World> {
  const engine = createFakeEngine();
  await engine.accounts.create({ ...anAccount(), canary });
  await engine.accounts.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
  await engine.subscriptions.create(aSubscription());
  const candidateExpressions = createProgrammableExpressions();
  const ports: NormalizePorts = {
    ...engine.normalizePorts,
    candidateExpressions,
    // Comparing takes no time here.
    pause: () => new Promise<never>(() => {}),
    async integration(name) {
      const current = (await engine.normalizePorts.integration(name)) as NormalizingIntegration;
      return { ...current, candidate: { version: 'v1', integration: { ...current, mapping: candidateMapping } } };
    },
  };
  return { engine, ports, candidateExpressions };
}

const received = (message: RawMessage, receiveCount = 1): RawDelivery => ({
  messageId: `of ${message.rawId}`,
  body: JSON.stringify(message),
  message,
  receiveCount,
});
const ada = (rawId = 'raw_1') => received(rawMessage(rawId, [{ verb: 'created', id: rawId, name: 'Ada' }]));

async function namesOf(engine: FakeEngine, tenant = 'acme') {
  const reader = followFeed(engine.feedPorts, tenant);
  await reader.read();
  return reader.seen.map(({ data }) => data['name']);
}

describe('a candidate that is compared', () => {
  test('publishes nothing: its differences are kept and counted', async () => {
    const { engine, ports } = await world('compare');
    expect(await normalizeWebhooks(ports, [ada()])).toMatchObject([
      { kind: 'mapped', publications: [{ kind: 'published' }] },
    ]);
    expect(await namesOf(engine)).toEqual(['Ada']);
    expect(await engine.canaries.list(...key)).toEqual([
      {
        account: 'acc_acme',
        counts: { compared: 1, different: 1, failed: 0 },
        differences: [
          {
            at: '2026-11-21T12:00:00.000Z',
            input: 'raw_1',
            published: 'current',
            failures: {},
            events: [
              {
                kind: 'changed',
                resource: 'hris/employees',
                record_id: 'raw_1',
                differences: [{ path: 'data.name', current: 'Ada', candidate: 'Dr Ada' }],
                more: 0,
              },
            ],
            more: 0,
          },
        ],
      },
    ]);
    expect(engine.canaryNotes.sum('canary-compared')).toBe(1);
    expect(engine.canaryNotes.sum('canary-different')).toBe(1);
  });

  test('keeps nothing where both agree, and nothing of other accounts', async () => {
    const { engine, ports, candidateExpressions } = await world('compare', mapping);
    await normalizeWebhooks(ports, [ada()]);
    expect(await engine.canaries.list(...key)).toEqual([
      { account: 'acc_acme', counts: { compared: 1, different: 0, failed: 0 }, differences: [] },
    ]);
    const { message } = ada('raw_2');
    await normalizeWebhooks(ports, [received({ ...message, account: 'acc_globex' })]);
    expect(candidateExpressions.runs).toHaveLength(1);
    expect(await engine.canaries.list('globex', 'staff', 'v1')).toEqual([]);
  });

  test.each([
    ['throws', `$error("no")`],
    ['makes a bad event', `{ "event_type": "exploded" }`],
    ['is stopped', 'stopped'],
  ])('hurts no event when it %s', async (_, candidateMapping) => {
    const { engine, ports, candidateExpressions } = await world('compare', candidateMapping);
    candidateExpressions.stopped.add('stopped');
    expect(await normalizeWebhooks(ports, [ada()])).toMatchObject([{ kind: 'mapped' }]);
    expect(await namesOf(engine)).toEqual(['Ada']);
    const [trial] = await engine.canaries.list(...key);
    expect(trial).toMatchObject({ counts: { compared: 1, different: 1, failed: 1 } });
    expect(trial?.differences).toMatchObject([{ failures: { candidate: expect.any(String) } }]);
  });

  test('never runs where the expressions of others run', async () => {
    const { engine, ports, candidateExpressions } = await world('compare');
    await normalizeWebhooks(ports, [ada()]);
    expect(engine.expressions.runs.filter(({ program }) => program === 'map')).toHaveLength(1);
    expect(candidateExpressions.runs).toHaveLength(1);
  });

  test('loses its comparison, and nothing else, whichever call fails', async () => {
    const probe = await world('compare');
    const { ports: whole, calls } = injectFault(probe.ports);
    await normalizeWebhooks(whole, [ada()]);
    expect(calls).toContain('canaries.add');
    for (const fault of faultsAt(calls.indexOf('canaries.add'))) {
      const { engine, ports } = await world('compare');
      const { ports: faulty, crashed } = injectFault(ports, fault);
      const ended = await normalizeWebhooks(faulty, [ada()]);
      // The events were published before; a crash loses only the acknowledgement.
      expect([crashed(), ended[0]?.kind]).toEqual([fault.kind === 'crash', 'mapped']);
      expect(await namesOf(engine)).toEqual(['Ada']);
    }
    const { engine, ports } = await world('compare');
    const candidateExpressions = { run: () => Promise.reject(new Error('no process')) };
    expect(await normalizeWebhooks({ ...ports, candidateExpressions }, [ada()])).toMatchObject([{ kind: 'mapped' }]);
    expect(await namesOf(engine)).toEqual(['Ada']);
  });

  test('shows what it would make of a request that the current definition cannot map', async () => {
    const { engine, ports } = await world('compare');
    const { integration } = ports;
    const broken = async (name: string) => {
      const one = (await integration(name)) as NormalizingIntegration;
      return { ...one, mapping: `$error("no")` };
    };
    expect(await normalizeWebhooks({ ...ports, integration: broken }, [ada()])).toMatchObject([
      { kind: 'dead-lettered' },
    ]);
    const [trial] = await engine.canaries.list(...key);
    expect(trial?.differences).toMatchObject([
      { failures: { current: expect.stringContaining('no') }, events: [{ kind: 'only-candidate' }] },
    ]);
  });

  test('keeps the newest differences of an account only', async () => {
    const { engine, ports } = await world('compare');
    const ids = Array.from({ length: maxKeptDifferences + 5 }, (_, index) => `raw_${index}`);
    for (const id of ids) {
      await normalizeWebhooks(ports, [ada(id)]);
      engine.clock.advance(1_000);
    }
    const [trial] = await engine.canaries.list(...key);
    expect(trial?.counts.different).toBe(ids.length);
    expect(trial?.differences.map(({ input }) => input)).toEqual(ids.slice(5).reverse());
  });

  test('is not compared on a request that is too large to be held', async () => {
    const { engine, ports, candidateExpressions } = await world('compare');
    const message = rawMessage('raw_1', [{ verb: 'created', id: '1', name: 'x'.repeat(300_000) }]);
    await normalizeWebhooks(ports, [received(message)]);
    expect(candidateExpressions.runs).toEqual([]);
    expect(engine.canaryNotes.sum('canary-skipped')).toBe(1);
    expect(await namesOf(engine)).toHaveLength(1);
  });
});

describe('a candidate that is used', () => {
  test('makes the events, and the current definition is compared', async () => {
    const { engine, ports } = await world('use');
    await normalizeWebhooks(ports, [ada()]);
    expect(await namesOf(engine)).toEqual(['Dr Ada']);
    const [trial] = await engine.canaries.list(...key);
    expect(trial?.differences).toMatchObject([
      {
        published: 'candidate',
        events: [{ differences: [{ path: 'data.name', current: 'Ada', candidate: 'Dr Ada' }] }],
      },
    ]);
  });

  test('is not suspended when the compared definition is stopped', async () => {
    const { ports, candidateExpressions } = await world('use');
    await normalizeWebhooks(ports, [ada()]);
    const [used, compared] = candidateExpressions.runs.map(({ owner }) => owner);
    expect(compared).toBeTypeOf('string');
    expect(compared).not.toBe(used);
  });

  test('gives the event the same id as the current definition, so that a repetition is a duplicate', async () => {
    const { engine, ports } = await world('use');
    await normalizeWebhooks(ports, [ada()]);
    const account = await engine.accounts.find('acc_acme');
    await engine.accounts.replace({ ...(account as NonNullable<typeof account>), canary: 'compare' });
    engine.clock.advance(60_000);
    await normalizeWebhooks(ports, [ada()]);
    expect(await namesOf(engine)).toEqual(['Dr Ada']);
  });

  test.each([
    ['throws', `$error("no")`],
    ['is stopped', 'stopped'],
  ])('gives way to the current definition when it %s', async (_, candidateMapping) => {
    const { engine, ports, candidateExpressions } = await world('use', candidateMapping);
    candidateExpressions.stopped.add('stopped');
    expect(await normalizeWebhooks(ports, [ada()])).toMatchObject([{ kind: 'mapped' }]);
    expect(await namesOf(engine)).toEqual(['Ada']);
    const [trial] = await engine.canaries.list(...key);
    expect(trial).toMatchObject({ counts: { failed: 1 }, differences: [{ published: 'current' }] });
  });
});

/** Where the mapping names the context of an event. */
const naming = '"context": company,';
/** A request for accounts of two tenants. */
function shared(changes: readonly object[]) {
  const { account: _, ...message } = rawMessage('raw_1', []);
  return received({ ...message, body: { kind: 'inline', encoding: 'utf8', content: JSON.stringify({ changes }) } });
}
const hired = (id: string, company: string) => ({ verb: 'created', id, name: id, company });

describe('a candidate on a request of several tenants', () => {
  /** An account of each tenant, each with a company of its own; that of acme tries the candidate. */
  async function tenants(canary: 'compare' | 'use', candidateMapping: string) {
    const { engine, ports, ...rest } = await world(canary, candidateMapping);
    const [acme, globex] = [await engine.accounts.find('acc_acme'), await engine.accounts.find('acc_globex')];
    await engine.accounts.replace({ ...(acme as Account), context: { company_id: '1' } });
    await engine.accounts.replace({ ...(globex as Account), context: { company_id: '2' } });
    for (const [company, id] of [
      ['1', 'acc_acme'],
      ['2', 'acc_globex'],
    ] as const)
      await engine.contexts.register('staff', [company], id);
    return { engine, ports, ...rest };
  }
  const failure = { candidate: 'a request of several contexts has an event that names none of them' };

  test.each([
    ['an event', mapping.replace(naming, '')],
    ['a poll', '[{ "poll": "hris/employees" }]'],
  ])('gives way to the current definition when %s names no context (invariant 3)', async (_, unnamed) => {
    const { engine, ports } = await tenants('use', unnamed);
    const [ended] = await normalizeWebhooks(ports, [shared([hired('a', '1'), hired('b', '2')])]);
    expect(ended).toMatchObject({ kind: 'mapped', publications: [{ tenant: 'acme' }, { tenant: 'globex' }] });
    expect([await namesOf(engine), await namesOf(engine, 'globex')]).toEqual([['a'], ['b']]);
    const [trial] = await engine.canaries.list(...key);
    expect(trial).toMatchObject({ counts: { failed: 1 }, differences: [{ published: 'current', failures: failure }] });
    expect(engine.rawDeadLetters.messages()).toEqual([]);
  });

  test('is compared as one that fails where it would fail in use', async () => {
    const { engine, ports } = await tenants('compare', '[{ "poll": "hris/employees" }]');
    await normalizeWebhooks(ports, [shared([hired('a', '1'), hired('b', '2')])]);
    expect(await engine.canaries.list(...key)).toMatchObject([
      { counts: { failed: 1 }, differences: [{ failures: failure }] },
    ]);
  });

  test('may leave the context of a request of one account unnamed', async () => {
    const { engine, ports } = await tenants('use', renamed.replace(naming, ''));
    await normalizeWebhooks(ports, [shared([hired('a', '1')])]);
    expect(await namesOf(engine)).toEqual(['Dr a']);
  });
});

test('an account that tries a candidate which is not deployed is served as always', async () => {
  const { engine } = await world('use');
  await normalizeWebhooks(engine.normalizePorts, [ada()]);
  expect(await namesOf(engine)).toEqual(['Ada']);
  expect(engine.canaryNotes.sum('canary-compared', 'canary-skipped')).toBe(0);
});
