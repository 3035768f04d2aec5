import { describe, expect, test } from 'vitest';
import { renderCallTemplate, toCallTemplate } from '../../../../../lambdas/engine/provider/request/call-template.ts';
import type { CallValues } from '../../../../../lambdas/engine/provider/request/call-values.ts';
import { readBindings } from '../../../../../lib/local/simulators/provider/requests/read-bindings.ts';
import {
  pathOfUrlTemplate,
  templatePattern,
} from '../../../../../lib/local/simulators/provider/requests/template-pattern.ts';
import { treePattern } from '../../../../../lib/local/simulators/provider/requests/tree-pattern.ts';

/** What a template's own text tells of the values that it was made from. */
function readBack(template: string, values: CallValues): Readonly<Record<string, readonly unknown[]>> | undefined {
  const rendered = renderCallTemplate(toCallTemplate(template), values);
  const captures = templatePattern(template).match(rendered.kind === 'value' ? rendered.value : '');
  const bindings = captures && readBindings(captures);
  return bindings && Object.fromEntries(bindings);
}

describe('a template', () => {
  test.each([
    ['{id}', { id: '7' }, { id: ['7'] }],
    ['/a/{id}/b', { id: '7' }, { id: ['7'] }],
    ['{id | number}', { id: '7' }, { id: ['7'] }],
    ["{ids | join(',')}", { ids: ['1', '2'] }, { ids: [['1', '2']] }],
    ['{ids}', { ids: ['1', '2'] }, { ids: [['1', '2']] }],
    ['{ids | wrap(id)}', { ids: ['1', '2'] }, { ids: [['1', '2']] }],
    ["IN ({ids | quote(soql) | join(',')})", { ids: ["o'b", 'a,c'] }, { ids: [["o'b", 'a,c']] }],
    ['= {id | quote(suiteql)}', { id: "it's" }, { id: ["it's"] }],
    ['= {id | quote(jql)}', { id: 'say "x"' }, { id: ['say "x"'] }],
    ['{since | epoch_s}', { since: '2026-11-20T09:00:00.000Z' }, { since: ['2026-11-20T09:00:00.000Z'] }],
    ['{since | epoch_ms | text}', { since: '2026-11-20T09:00:00.500Z' }, { since: ['2026-11-20T09:00:00.500Z'] }],
    ['{since | iso_s}', { since: '2026-11-20T09:00:00.000Z' }, { since: ['2026-11-20T09:00:00.000Z'] }],
    ['{since | date}', { since: '2026-11-20T09:00:00.000Z' }, { since: ['2026-11-20T00:00:00.000Z'] }],
    ['{since | http_date}', { since: '2026-11-20T09:00:00.000Z' }, { since: ['2026-11-20T09:00:00.000Z'] }],
    [
      '{since | time(\'yyyy-MM-dd"T"HH:mm:ss\')}',
      { since: '2026-11-20T09:00:00.000Z' },
      { since: ['2026-11-20T09:00:00.000Z'] },
    ],
    // The provider sees the earlier time.
    ['{since | earlier(1h) | iso_s}', { since: '2026-11-20T09:00:00Z' }, { since: ['2026-11-20T08:00:00.000Z'] }],
    // Both give this text.
    ['{id | replace(pi, payment_intents)}', { id: 'pi' }, { id: ['pi', 'payment_intents'] }],
    ["{id | replace(bill-, '')}", { id: 'bill-9' }, { id: ['bill-9', '9'] }],
    ["{filter.a | prepend('x>') | append('<')}", { filter: { a: { eq: 'b' } } }, { 'filter.a.eq': ['b'] }],
    ["q{where? | prepend(' AND ') | default('')} END", { where: 'a = 1' }, { where: ['a = 1'] }],
    ["q{where? | prepend(' AND ') | default('')} END", {}, {}],
    ['{address.kind? | default(meeting) | append(s)}', {}, {}],
    [
      '{address.kind? | default(meeting) | append(s)}',
      { address: { kind: 'webinar' } },
      { 'address.kind': ['webinar'] },
    ],
    ["{id | part('-', 0)}/{id | part('-', 1)}", { id: '12-34' }, { id: ['12-34'] }],
    ["{id | part('_', 0) | replace(pi, intents)}/{id}", { id: 'pi_9' }, { id: ['pi_9'] }],
    ['{credential.key | base64_encode}', { credential: { key: 'k' } }, { 'credential.key': ['k'] }],
    ['{id | url_encode}', { id: 'a/b c' }, { id: ['a/b c'] }],
    ['{id | sha256}', { id: 'a' }, {}],
  ])('%s of %j tells its values', (template, values, expected) => {
    expect(readBack(template, values)).toEqual(expected);
  });

  test.each([
    ['/a/{id}', '/b/7'],
    ['{id | number}', 'seven'],
    ['{since | epoch_s}', '2026-11-20'],
    ['gte|{filter.a? | iso}', 'lte|2026-11-20T09:00:00.000Z'],
    ['a {id}', 5],
  ])('fails when %s did not make %j', (template, text) => {
    expect(templatePattern(template).match(text)).toBeUndefined();
  });

  test('contradicts itself where one value would have to be two', () => {
    const captures = templatePattern('{id}/{id}').match('a/b');
    expect(captures && readBindings(captures)).toBeUndefined();
  });

  test('of a path reads encoded values, and none across a slash', () => {
    const pattern = templatePattern('/a b/{id}', { isPath: true });
    expect(pattern.match('/a%20b/x%2Fy')?.[0]?.result).toBe('x/y');
    expect(pattern.match('/a%20b/x/y')).toBeUndefined();
  });

  test.each([
    ['https://{context.a}.example.com/v1/{id}', { text: '/v1/{id}', hasAnyStart: false }],
    ['https://{context.a | lower}.example.com', { text: '', hasAnyStart: false }],
    ['{context.url}/v1', { text: '/v1', hasAnyStart: true }],
    ['{address.url}', undefined],
  ])('of the URL %s has a path', (template, expected) => {
    expect(pathOfUrlTemplate(template)).toEqual(expected);
  });
});

describe('a JSON template', () => {
  const tree = treePattern({
    fixed: 1,
    list: [{ field: 'a', value: '{filter.a?}' }, { field: 'b', value: '{filter.b?}' }, 'end'],
    optional: '{page.cursor?}',
    ids: '{ids}',
  });
  const tell = (value: unknown) => {
    const match = tree(value);
    return match && Object.fromEntries(readBindings(match.captures) ?? []);
  };

  test('tells what was given, and lets out what was not', () => {
    expect(tell({ fixed: 1, list: [{ field: 'b', value: 'x' }, 'end'], ids: ['7'] })).toEqual({
      'filter.b.eq': ['x'],
      ids: [['7']],
    });
    expect(tell({ fixed: 1, list: ['end'], optional: 'c', ids: [] })).toEqual({ 'page.cursor': ['c'], ids: [[]] });
  });

  test.each([
    [{ fixed: 2, list: ['end'], ids: [] }],
    [{ fixed: 1, list: ['end', 'more'], ids: [] }],
    [{ fixed: 1, list: ['end'], ids: [], more: true }],
    [{ fixed: 1, list: ['end'] }],
    [[]],
  ])('fails when it did not make %j', (value) => {
    expect(tree(value)).toBeUndefined();
  });
});
