import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { acme, aRequest, cpuMsOf, faultsOf, maxCpuMs, prepare, receive, verified } from '../reception/acme.ts';

const secrets = { signing_secret: 'a secret', token: 'a token' };
const hmac = (message: string, signature: string, more: object = {}) => ({
  hmac: { algorithm: 'sha256', encoding: 'hex', key: 'signing_secret', message, signature, ...more },
});
const mac = (text: string, key = secrets.signing_secret) => createHmac('sha256', key).update(text).digest('hex');

describe('cases', () => {
  const webhook = prepare({
    verify: {
      cases: [
        { when: { 'header.X-Version': ['2', '3'] }, verify: hmac('v{header.X-Version}{body}', '{header.X-Signature}') },
        { when: { 'header.X-Version': '1', 'json.old': true }, verify: hmac('{body}', '{header.X-Signature}') },
        { when: { 'query.jwt': { present: true } }, verify: { token: { value: '{query.jwt}', expected: 'token' } } },
        {
          when: { 'header.X-Version': { present: false } },
          verify: { token: { value: '{header.X-Token}', expected: 'token' } },
        },
      ],
    },
  });
  const receiveWith = (headers: Readonly<Record<string, string>>, body = '{}', query = '') =>
    receive(webhook, aRequest(body, { headers, query }), secrets);

  test('the first case whose condition holds decides', () => {
    expect(receiveWith({ 'x-version': '2', 'x-signature': mac('v2{}') })).toEqual(verified);
    expect(receiveWith({ 'x-version': '3', 'x-signature': mac('v3{}') })).toEqual(verified);
    expect(receiveWith({ 'x-version': '1', 'x-signature': mac('{"old":true}') }, '{"old":true}')).toEqual(verified);
    expect(receiveWith({ 'x-version': '9' }, '{}', 'jwt=a+token')).toEqual(verified);
    expect(receiveWith({ 'x-token': 'a token' })).toEqual(verified);
  });

  test.each<[string, Record<string, string>, string, string]>([
    ['no condition holds', { 'x-version': '9', 'x-token': 'a token' }, '{}', 'no-known-signature-version'],
    [
      'only one of two conditions holds',
      { 'x-version': '1', 'x-signature': mac('{}') },
      '{}',
      'no-known-signature-version',
    ],
    ['another case would pass', { 'x-version': '2', 'x-token': 'a token' }, '{}', 'header-missing'],
    ['it is signed as another case', { 'x-version': '2', 'x-signature': mac('{}') }, '{}', 'signature-mismatch'],
    ['a value is empty and therefore absent', { 'x-version': '', 'x-token': 'no token' }, '{}', 'token-mismatch'],
  ])('fails when %s', (_name, headers, body, reason) => {
    expect(receiveWith(headers, body)).toMatchObject({ kind: 'rejected', reason });
  });

  test('a case without a condition takes all other requests', () => {
    const open = prepare({
      verify: {
        cases: [
          { when: { 'json.a': 1 }, verify: hmac('{body}', '{header.X}') },
          { verify: { token: { value: '{header.T}', expected: 'token' } } },
        ],
      },
    });
    expect(receive(open, aRequest('{}', { headers: { t: 'a token' } }), secrets)).toEqual(verified);
    expect(receive(open, aRequest('{"a":1}', { headers: { t: 'a token' } }), secrets)).toMatchObject({
      reason: 'header-missing',
    });
  });
});

describe('each', () => {
  const webhook = prepare({
    verify: {
      each: { items: 'json.items', verify: hmac('{item.id}:{item.note?}:{item.amount.value}', '{item.signature}') },
    },
  });
  const item = (id: string, note?: string, key = secrets.signing_secret) => ({
    id,
    ...(note === undefined ? {} : { note }),
    amount: { value: 10 },
    signature: mac(`${id}:${note ?? ''}:10`, key),
  });
  const receiveItems = (items: unknown) => receive(webhook, aRequest(JSON.stringify({ items })), secrets);

  test('is verified when every item is verified', () => {
    expect(receiveItems([item('a')])).toEqual(verified);
    expect(receiveItems([item('a'), item('b', 'note')])).toEqual(verified);
    expect(receiveItems(Array(1000).fill(item('a')))).toEqual(verified);
  });

  test.each<[string, unknown, string]>([
    ['the last item is forged', [item('a'), item('b', undefined, 'other')], 'signature-mismatch'],
    ['the first item is forged', [item('a', undefined, 'other'), item('b')], 'signature-mismatch'],
    ['an item is changed', [{ ...item('a'), amount: { value: 11 } }], 'signature-mismatch'],
    ['an item has another’s signature', [{ ...item('a'), id: 'b' }], 'signature-mismatch'],
    ['an item has no signature', [item('a'), { id: 'b', amount: { value: 10 } }], 'value-missing'],
    ['an item lacks a signed part', [{ signature: mac('') }], 'value-missing'],
    ['an item is null', [item('a'), null], 'value-missing'],
    ['an item is text', ['a'], 'value-missing'],
    ['there is no item', [], 'items-missing'],
    ['there is no list', undefined, 'items-missing'],
    ['the list is an object', { 0: item('a'), length: 1 }, 'items-missing'],
    ['there are too many items', Array(1001).fill(item('a')), 'items-missing'],
  ])('fails when %s', (_name, items, reason) => {
    expect(receiveItems(items)).toMatchObject({ kind: 'rejected', reason });
  });

  test('takes little time for the maximum number of items', () => {
    expect(cpuMsOf(() => receiveItems(Array(1000).fill(item('a'))))).toBeLessThan(maxCpuMs);
  });
});

describe('variables', () => {
  const webhook = prepare({
    vars: {
      first: { from: '{header.X-List}', split: ';' },
      version: { from: '{header.X-List}', split: ';', prefix: 'v=' },
      whole: { from: '{header.X-Other}' },
    },
    verify: hmac('{var.first}|{var.version}|{var.whole?}', '{header.X-Signature}'),
  });
  const receiveWith = (list: string, text: string, more = {}) =>
    receive(webhook, aRequest('{}', { headers: { 'x-list': list, 'x-signature': mac(text), ...more } }), secrets);

  test('are the first part with the prefix, without the prefix and without spaces around it', () => {
    expect(receiveWith('a=1; v=2 ;v=3', 'a=1|2|')).toEqual(verified);
    expect(receiveWith('v=2', 'v=2|2|')).toEqual(verified);
    expect(receiveWith('x;v=', 'x||')).toEqual(verified);
    expect(receiveWith('x;v=2', 'x|2|y', { 'x-other': ' y ' })).toEqual(verified);
  });

  test('fails when a variable finds nothing, and names it', () => {
    expect(receiveWith('a;b', 'a||')).toEqual({ kind: 'rejected', reason: 'value-missing', detail: 'var.version' });
  });

  test('fails as a definition when a variable is not declared', () => {
    expect(faultsOf({ verify: hmac('{var.time}{body}', '{header.X}') })).toEqual([
      'webhook.verify.hmac.message: got "time", expected one of the declared vars: none',
    ]);
  });
});

describe('reply', () => {
  const verify = hmac('{body}', '{header.X}');

  test('is 200 with an empty body, and 401, unless the definition says otherwise', () => {
    expect(acme({ verify }).webhook.reply).toMatchObject({ accepted: { status: 200 }, rejected_status: 401 });
    expect(acme({ verify, reply: { accepted: { status: 202 } } }).webhook.reply).toMatchObject({
      accepted: { status: 202 },
      rejected_status: 401,
    });
    const soap = { accepted: { body: '<Ack>true</Ack>', content_type: 'text/xml' }, rejected_status: 406 };
    expect(acme({ verify, reply: soap }).webhook.reply).toMatchObject({
      ...soap,
      accepted: { status: 200, ...soap.accepted },
    });
  });

  test.each([
    [
      'the answer to an accepted request would make the provider retry',
      { accepted: { status: 500 } },
      'webhook.reply.accepted.status',
    ],
    [
      'the answer to an accepted request would be a redirect',
      { accepted: { status: 302 } },
      'webhook.reply.accepted.status',
    ],
    ['a rejection would look like a success', { rejected_status: 200 }, 'webhook.reply.rejected_status'],
    ['a status is text', { accepted: { status: '200' } }, 'webhook.reply.accepted.status'],
    ['a key is unknown', { rejected: 406 }, 'webhook.reply.rejected'],
  ])('fails when %s', (_name, reply, path) => {
    expect(faultsOf({ verify, reply })).toEqual([expect.stringMatching(`^${path}: `)]);
  });
});
