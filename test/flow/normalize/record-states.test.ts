import { expect, test } from 'vitest';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { createFakeEngine } from '../../fakes/fake-engine.ts';
import { anAccount, staff } from '../../fakes/samples.ts';
import { rawMessage } from '../provider-request.ts';

/** Publish one update of an employee for each delivery. @returns How each ended. */
async function outcomesOf(resources: NonNullable<typeof staff.resources>, names: readonly string[]) {
  const engine = createFakeEngine({ ...staff, resources });
  await engine.accounts.create(anAccount());
  const kinds: string[] = [];
  for (const [index, name] of names.entries()) {
    const receivedAt = new Date(Date.parse('2026-11-21T12:00:00.000Z') + index * 1_000).toISOString();
    const message = rawMessage(`raw_${index}`, [{ verb: 'updated', id: '1', name }], { receivedAt });
    const [outcome] = await normalizeWebhooks(engine.normalizePorts, [
      { messageId: `message ${index}`, body: JSON.stringify(message), message },
    ]);
    kinds.push(outcome?.kind === 'mapped' ? (outcome.publications[0]?.kind ?? 'none') : String(outcome?.kind));
  }
  return kinds;
}

test('a webhook that says what is known makes no event', async () => {
  expect(await outcomesOf({}, ['Ada', 'Ada', 'Ada L.', 'Ada'])).toEqual([
    'published',
    'unchanged',
    'published',
    'published',
  ]);
});

test('each webhook of a resource is an event where its data is part of the record, or it has no state', async () => {
  const each = ['published', 'published'];
  expect(await outcomesOf({ 'hris/employees': { whole: false } }, ['Ada', 'Ada'])).toEqual(each);
  expect(await outcomesOf({ 'hris/employees': { state: 'none' } }, ['Ada', 'Ada'])).toEqual(each);
});

test('a change of volatile members alone makes no event', async () => {
  expect(await outcomesOf({ 'hris/employees': { volatile: ['name'] } }, ['Ada', 'Ada L.'])).toEqual([
    'published',
    'unchanged',
  ]);
});
