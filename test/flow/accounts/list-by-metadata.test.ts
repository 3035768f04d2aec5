import { describe, expect, test } from 'vitest';
import { listByMetadata } from '../../../lambdas/flows/accounts/list-by-metadata.ts';
import { createFakeApi, type FakeAnswer } from '../../fakes/fake-api.ts';
import { pageOf } from '../../fakes/page-of.ts';

const url = 'https://app.example.com/hooks';
const things = [
  ['accounts', 'name', { integration: 'staff' }],
  ['subscriptions', 'description', { url }],
] as const;

describe.each(things)('%s', (list, label, rest) => {
  const make = (api: ReturnType<typeof createFakeApi>, body: object, as?: string) =>
    api.call('POST', `/v1/${list}`, { ...rest, tenant: 'acme', ...body }, as);
  const named = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`name ${index}`, 'x']));

  test('take a label and metadata, and show them in every view', async () => {
    const api = createFakeApi();
    const said = { [label]: 'Staff of Acme, née Wile', metadata: { team: 'payroll', empty: '', 'ö.1': '💸' } };
    const made = await make(api, { id: 'one', ...said });
    expect(made).toMatchObject({ status: 201, body: said });
    expect((await api.call('GET', `/v1/${list}/one`)).body).toMatchObject(said);
    expect((await api.call('GET', `/v1/${list}`)).body.data).toMatchObject([said]);
    expect((await make(api, { id: 'two' })).body).toMatchObject({ [label]: null, metadata: {} });
  });

  test('replace all pairs in a change, and clear them with null', async () => {
    const api = createFakeApi();
    await make(api, { id: 'one', [label]: 'a', metadata: { a: '1', b: '2' } });
    const change = async (body: object) => (await api.call('PATCH', `/v1/${list}/one`, body)).body;
    expect(await change({ metadata: { c: '3' } })).toMatchObject({ [label]: 'a', metadata: { c: '3' } });
    expect(await change({ [label]: 'b' })).toMatchObject({ [label]: 'b', metadata: { c: '3' } });
    expect(await change({ [label]: null, metadata: null })).toMatchObject({ [label]: null, metadata: {} });
    expect((await api.call('GET', `/v1/${list}/one`)).body).toMatchObject({ [label]: null, metadata: {} });
  });

  test('accept up to 50 pairs', async () => {
    const api = createFakeApi();
    expect((await make(api, { id: 'full', metadata: named(50) })).status).toBe(201);
    expect((await make(api, { id: 'over', metadata: named(51) })).body.errors).toEqual([
      { path: 'metadata', message: 'expected at most 50 pairs' },
    ]);
  });

  test.each<[string, unknown]>([
    ['a number', { a: 1 }],
    ['an object', { a: {} }],
    ['a list', ['a']],
    ['text', 'a'],
    ['a name in brackets', { 'a[b]': 'c' }],
    ['an empty name', { '': 'c' }],
    ['a long name', { ['x'.repeat(65)]: 'c' }],
    ['a long value', { a: 'x'.repeat(501) }],
    [
      'larger than the bound of a row',
      Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}`, 'ü'.repeat(400)])),
    ],
  ])('fail for metadata that is %s (422)', async (_, metadata) => {
    const api = createFakeApi();
    const { status, body } = await make(api, { metadata });
    expect(status).toBe(422);
    expect(body.errors[0].path).toMatch(/^metadata/);
  });

  test('are found once each by all pairs of a filter, page by page', async () => {
    const api = createFakeApi();
    for (let index = 0; index < 23; index += 1) {
      const metadata = { parity: index % 2 === 0 ? 'even' : 'odd', third: String(index % 3) };
      await make(api, { id: `thing_${String(index).padStart(2, '0')}`, metadata });
    }
    const found: string[] = [];
    let pages = 0;
    for (let cursor: string | null = ''; cursor !== null; pages += 1) {
      const filter = 'metadata[parity]=even&metadata%5Bthird%5D=0';
      const page: FakeAnswer = await api.call('GET', `/v1/${list}?${filter}&limit=2${cursor && `&cursor=${cursor}`}`);
      expect(page.status).toBe(200);
      expect(page.body.data.length).toBeLessThanOrEqual(2);
      found.push(...page.body.data.map(({ id }: { readonly id: string }) => id));
      cursor = page.body.next_cursor;
    }
    expect(found).toEqual(['thing_00', 'thing_06', 'thing_12', 'thing_18']);
    expect(pages).toBeLessThanOrEqual(3);
    expect((await api.call('GET', `/v1/${list}?metadata[constructor]=x`)).body).toEqual({
      data: [],
      next_cursor: null,
    });
  });

  test('a cursor works only with the filter that returned it (400)', async () => {
    const api = createFakeApi();
    for (const id of ['a', 'b', 'c']) await make(api, { id, metadata: { team: 'red' } });
    const { next_cursor: cursor } = (await api.call('GET', `/v1/${list}?metadata[team]=red&limit=1`)).body;
    expect((await api.call('GET', `/v1/${list}?metadata[team]=red&limit=1&cursor=${cursor}`)).status).toBe(200);
    for (const other of ['', '&metadata[team]=blue', '&metadata[other]=red'])
      expect((await api.call('GET', `/v1/${list}?limit=1&cursor=${cursor}${other}`)).status).toBe(400);
  });

  test.each([
    'metadata=team',
    'metadata[team]=a&metadata[team]=b',
    'metadata=x&metadata[team]=a',
    'meta[team]=a',
    'limit[a]=1',
  ])('fail for the query %s (400)', async (query) => {
    expect((await createFakeApi().call('GET', `/v1/${list}?${query}`)).status).toBe(400);
  });

  test('a filter finds no object of another tenant (invariant 3)', async () => {
    const api = createFakeApi();
    await make(api, { id: 'one', metadata: { team: 'red' } });
    expect((await api.call('GET', `/v1/${list}?metadata[team]=red`, undefined, 'globex')).body.data).toEqual([]);
  });
});

test('a call with few matches ends with a short page, and the next call continues after it', async () => {
  const rows = Array.from({ length: 5000 }, (_, index) => ({
    id: String(index).padStart(4, '0'),
    metadata: { kind: index === 4_500 ? 'rare' : 'usual' } as Record<string, string>,
  }));
  const reads: number[] = [];
  const list = async (limit: number, after: string | undefined) => {
    reads.push(limit);
    return pageOf(rows, ({ id }) => id, limit, after);
  };
  const query = { limit: 10, metadata: { kind: 'rare' } };
  const found: string[] = [];
  const pages: number[] = [];
  for (let next: string | undefined = ''; next !== undefined; ) {
    const before = reads.length;
    const page: Awaited<ReturnType<typeof listByMetadata<(typeof rows)[number]>>> = await listByMetadata(
      list,
      query,
      next === '' ? undefined : next,
    );
    pages.push(reads.length - before);
    found.push(...page.items.map(({ id }) => id));
    next = page.next;
  }
  expect(found).toEqual(['4500']);
  expect(Math.max(...pages)).toBe(20);
  expect(pages).toHaveLength(3);
});
