import { describe, expect, test } from 'vitest';
import type { AnswerPlan } from '../../../../lambdas/engine/provider/answer/answer-plan.ts';
import { readAnswer } from '../../../../lambdas/engine/provider/answer/read-answer.ts';

const listing: AnswerPlan = {
  format: 'json',
  errors: [],
  limits: [],
  selects: 'records',
  selection: 'rows',
  isGet: false,
  record: { map: '{ "id": id, "name": name }', id: 'id' },
};

const read = async (plan: Partial<AnswerPlan>, text: string, status = 200) =>
  readAnswer({
    plan: { ...listing, ...plan },
    answer: { status, headers: {}, text, url: 'https://api.example/', receivedAtMs: 0 },
    context: { time_zone: 'Europe/Stockholm' },
  });

describe('comma-separated values', () => {
  const names = async (text: string) =>
    (await read({ format: 'csv', selection: '$' }, text)).records.map(({ id, data }) => [id, data['name']]);

  test.each([
    ['commas', 'id,name\n1,"Smith, Jones"\n2,"says ""no"""\n'],
    ['semicolons and a byte order mark', '\uFEFFid;name\r\n1;Smith, Jones\r\n2;"says ""no"""\r\n'],
    ['tabs', 'id\tname\n1\tSmith, Jones\n2\t"says ""no"""'],
  ])('are read with %s', async (_, text) => {
    expect(await names(text)).toEqual([
      ['1', 'Smith, Jones'],
      ['2', 'says "no"'],
    ]);
  });

  test('may have a line break in a value, and ten thousand lines', async () => {
    const lines = Array.from({ length: 10_000 }, (_, line) => `${line},"a\nb"`);
    const found = await names(`id,name\n${lines.join('\n')}`);
    expect(found).toHaveLength(10_000);
    expect(found[9_999]).toEqual(['9999', 'a\nb']);
  });

  test.each(['id,name\n1,"Smith', 'id,name\n1'])('that end early are no answer: %j', async (text) => {
    expect(await read({ format: 'csv', selection: '$' }, text)).toMatchObject({ fault: 'the answer is not csv' });
  });
});

describe('where the next page begins', () => {
  const page = { order: 'none', more: 'more', cursor: { from: 'after', to: 'json.after' } } as const;
  const next = async (body: object) => read({ page }, JSON.stringify({ rows: [{ id: '1', name: 'a' }], ...body }));

  test.each([7, 'abc', { id: 7, at: 'x' }, [7, 'x']])('may be %j', async (after) => {
    expect((await next({ more: true, after })).next).toEqual({ kind: 'cursor', cursor: after });
  });

  test.each([undefined, null, '', true])('fails with %j, although another page follows', async (after) => {
    expect(await next({ more: true, after })).toMatchObject({ fault: expect.stringContaining('does not say where') });
    expect(await next({ more: false, after })).not.toHaveProperty('fault');
  });
});

test('an answer that says that a part is missing proves no absence', async () => {
  const errors = [{ when: { json: '$exists(errors)' }, means: 'partial' }] as unknown as AnswerPlan['errors'];
  const plan = { selects: 'record', selection: 'data.person', whenEmpty: 'gone' } as const;
  expect(await read(plan, '{"data":{"person":null}}')).toMatchObject({ classification: { means: 'gone' } });
  expect(await read({ ...plan, errors }, '{"data":{"person":null},"errors":[{}]}')).toMatchObject({
    classification: { means: 'partial' },
    fault: expect.any(String),
  });
});

test('a time without an offset is read in the zone of the account', async () => {
  const record = { ...listing.record, id: 'id', map: '{}', version: '$fromZone(changed, $context.time_zone)' };
  const changed = ['2026-07-01 12:00:00', '2026-12-01T12:00', '2026-12-01', 'soon', null, undefined];
  const rows = changed.map((text, id) => ({ id, changed: text }));
  const { records, unread } = await read({ record }, JSON.stringify({ rows }));
  expect(records.map(({ version }) => version)).toEqual([
    '2026-07-01T10:00:00.000Z',
    '2026-12-01T11:00:00.000Z',
    '2026-11-30T23:00:00.000Z',
    undefined,
    undefined,
    undefined,
  ]);
  expect(unread).toEqual([]);

  const unknown = { ...record, version: '$fromZone(changed, $context.nope)' };
  const lost = await read({ record: unknown }, JSON.stringify({ rows }));
  expect(lost.unread).toHaveLength(rows.length);
});
