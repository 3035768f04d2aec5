import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../lambdas/contracts/engine-error.ts';
import type { OutboundCall } from '../../../lambdas/engine/outbound/outbound-call.ts';
import type { KeyRequest } from '../../../lambdas/engine/verification/keys/key-request.ts';
import { createPublishedKeys } from '../../../lambdas/flows/ingest/provider-keys.ts';
import type { CallLimits } from '../../../lambdas/ports/tenants/call-limits.ts';
import { createInMemoryCallLimits } from '../../fakes/in-memory-call-limits.ts';
import { createManualClock } from '../../fakes/manual-clock.ts';
import { createProgrammableProvider } from '../../fakes/programmable-provider.ts';
import { aParty, certificateOf, derOf } from '../../fakes/provider-certificates.ts';

const [root, intermediate, leaf, stranger] = ['Root', 'Intermediate', 'Leaf', 'Stranger'].map(aParty) as [
  ReturnType<typeof aParty>,
  ReturnType<typeof aParty>,
  ReturnType<typeof aParty>,
  ReturnType<typeof aParty>,
];
const rootPem = certificateOf({ subject: root, ca: true });
const intermediatePem = certificateOf({ subject: intermediate, issuer: root, ca: true });
const issuerUrl = 'http://issuer.example/intermediate.cer';
const leafPem = certificateOf({ subject: leaf, issuer: intermediate, hosts: ['keys.acme.example'], issuerUrl });

const dayMs = 86_400_000;
const minuteMs = 60_000;
const down = () => new EngineError('provider-unavailable', 'acme.example did not answer', { retryable: true });

function prepare() {
  const clock = createManualClock();
  const [provider, issuers] = [createProgrammableProvider(), createProgrammableProvider()];
  issuers.answerWith({ status: 500 });
  const limits = createInMemoryCallLimits(clock);
  const keys = createPublishedKeys({ provider, issuers, limits, clock }, [rootPem]);
  let finds = 0;
  return {
    clock,
    provider,
    issuers,
    keys,
    /** Each call has another owner, so that no budget is spent. */
    find: async (request: KeyRequest, maxAgeMs = dayMs) => {
      finds += 1;
      const found = await keys.find(request, { maxAgeMs, owner: `acc_${finds}` });
      if (found.kind === 'limited') throw new Error('the budget is spent');
      return found.keys;
    },
  };
}

const certificateAt = (url = 'https://acme.example/cert.pem', names = ['keys.acme.example']): KeyRequest => ({
  locator: `${url} ${names.join()}`,
  kind: 'certificate',
  url,
  names,
  issuers: ['issuer.example'],
});
const setKey = (keyId?: string, kind: 'jwks' | 'oidc' = 'jwks', url = 'https://acme.example/keys'): KeyRequest => ({
  locator: `${kind} ${url} ${keyId}`,
  kind,
  url,
  keyId,
});
const callKey = (change: Partial<OutboundCall> = {}, select: readonly string[] = ['key']): KeyRequest => {
  const call = { method: 'POST' as const, url: 'https://acme.example/key', headers: {}, body: '{}', ...change };
  return { locator: JSON.stringify([call, select]), kind: 'call', call, select };
};
const body = (value: unknown) => ({ body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)) });
const jwk = (kid: string, more: object = {}) => ({ kty: 'EC', kid, ...more });
const idsOf = (found: readonly string[]) => found.map((text) => (JSON.parse(text) as { kid: string }).kid);

describe('a certificate', () => {
  test('is trusted through the chain in its file, and fetched once while it is remembered', async () => {
    const { provider, issuers, find, clock } = prepare();
    provider.answerWith(body(`${leafPem}${intermediatePem}`));
    const found = await find(certificateAt());
    expect(found.map((pem) => new X509Certificate(pem).fingerprint256)).toEqual([
      new X509Certificate(leafPem).fingerprint256,
    ]);
    clock.advance(dayMs - 1);
    expect(await find(certificateAt())).toEqual(found);
    expect(provider.calls).toEqual([
      { method: 'GET', url: 'https://acme.example/cert.pem', headers: {}, body: undefined },
    ]);
    clock.advance(1);
    await find(certificateAt());
    expect(provider.calls).toHaveLength(2);
    expect(issuers.calls).toEqual([]);
  });

  test.each([
    ['DER', derOf(intermediatePem)],
    ['PEM', Buffer.from(intermediatePem)],
  ])('causes a fetch of its issuer’s certificate, as %s, from the URL that it names', async (_name, issuer) => {
    const { provider, issuers, find } = prepare();
    provider.answerWith(body(leafPem));
    issuers.answerWith({ body: issuer });
    expect(await find(certificateAt())).toHaveLength(1);
    expect(issuers.calls.map(({ url }) => url)).toEqual([issuerUrl]);
    // The client for issuers, which may use plain http, does not fetch the request's own URL.
    expect(provider.calls).toHaveLength(1);
  });

  test.each<[string, string, Buffer | undefined]>([
    ['its issuer is not published', leafPem, undefined],
    ['the published file is not a certificate', leafPem, Buffer.from('<html>')],
    ['the published certificate is another’s', leafPem, derOf(certificateOf({ subject: stranger, ca: true }))],
    [
      'the published certificate is not an authority',
      leafPem,
      derOf(certificateOf({ subject: intermediate, issuer: root, hosts: ['evil.example'] })),
    ],
    [
      'it is self-signed',
      certificateOf({ subject: leaf, hosts: ['keys.acme.example'], issuerUrl }),
      derOf(intermediatePem),
    ],
    [
      'it says of no issuer',
      certificateOf({ subject: leaf, issuer: intermediate, hosts: ['keys.acme.example'] }),
      undefined,
    ],
    [
      'it carries another name',
      `${certificateOf({ subject: leaf, issuer: intermediate, hosts: ['evil.example'] })}${intermediatePem}`,
      undefined,
    ],
    ['the file is not a certificate', 'nothing', undefined],
  ])('fails when %s, and that is remembered for a minute', async (_name, file, issuer) => {
    const { provider, issuers, find, clock } = prepare();
    provider.answerWith(body(file));
    issuers.answerWith(issuer === undefined ? { status: 404 } : { body: issuer });
    expect(await find(certificateAt())).toEqual([]);
    const calls = provider.calls.length + issuers.calls.length;
    clock.advance(minuteMs - 1);
    expect(await find(certificateAt())).toEqual([]);
    expect(provider.calls.length + issuers.calls.length).toBe(calls);
    provider.answerWith(body(`${leafPem}${intermediatePem}`));
    clock.advance(1);
    expect(await find(certificateAt())).toHaveLength(1);
  });

  test('causes few fetches of issuers, however long its chain is', async () => {
    const { provider, issuers, find } = prepare();
    const parties = Array.from({ length: 9 }, (_, at) => aParty(`Authority ${at}`));
    const chain = parties.map((subject, at) =>
      certificateOf({
        subject,
        issuer: parties[at + 1] ?? root,
        ca: true,
        issuerUrl: `http://issuer.example/${at + 1}`,
      }),
    );
    provider.answerWith(
      body(
        certificateOf({
          subject: leaf,
          issuer: parties[0] ?? root,
          hosts: ['keys.acme.example'],
          issuerUrl: 'http://issuer.example/0',
        }),
      ),
    );
    issuers.answerWith(({ url }) => body(chain[Number(url.split('/').at(-1))] ?? ''));
    expect(await find(certificateAt())).toEqual([]);
    expect(issuers.calls).toHaveLength(3);
  });

  test('causes no fetches in a circle of issuers', async () => {
    const { provider, issuers, find } = prepare();
    const other = aParty('Other');
    const [byOther, byIntermediate] = [
      certificateOf({ subject: intermediate, issuer: other, ca: true, issuerUrl }),
      certificateOf({ subject: other, issuer: intermediate, ca: true, issuerUrl }),
    ];
    provider.answerWith(body(leafPem));
    issuers.answerWith(body(byOther), body(byIntermediate));
    expect(await find(certificateAt())).toEqual([]);
    expect(issuers.calls.length).toBeLessThanOrEqual(3);
  });

  test('is rejected without retries when its issuer’s URL may not be called', async () => {
    const { provider, issuers, find } = prepare();
    provider.answerWith(body(leafPem));
    issuers.answerWith(new EngineError('provider-unavailable', 'the provider may not be called', { retryable: false }));
    expect(await find(certificateAt())).toEqual([]);
  });

  test('is used for no longer than its chain is valid', async () => {
    const { provider, find, clock } = prepare();
    const untilMs = clock.nowMs() + 3_600_000;
    const short = certificateOf({ subject: leaf, issuer: root, hosts: ['keys.acme.example'], untilMs });
    provider.answerWith(body(short));
    expect(await find(certificateAt())).toHaveLength(1);
    clock.advance(3_600_000);
    expect(await find(certificateAt())).toHaveLength(1);
    clock.advance(1000);
    expect(await find(certificateAt())).toEqual([]);
  });

  test('is checked again for other names', async () => {
    const { provider, find } = prepare();
    provider.answerWith(body(`${leafPem}${intermediatePem}`));
    expect(await find(certificateAt())).toHaveLength(1);
    expect(await find(certificateAt(undefined, ['evil.example']))).toEqual([]);
  });
});

describe('a key set', () => {
  const set = { keys: [jwk('a'), jwk('b', { use: 'sig' }), null, 7, 'x', {}] };

  test('gives the keys of an id, and all keys without an id, in one call', async () => {
    const { provider, find } = prepare();
    provider.answerWith(body(set));
    expect(idsOf(await find(setKey('a')))).toEqual(['a']);
    expect(idsOf(await find(setKey('b')))).toEqual(['b']);
    expect(idsOf(await find(setKey()))).toEqual(['a', 'b', undefined]);
    expect(provider.calls).toHaveLength(1);
  });

  test('is fetched again, at most once a minute, for an id that it lacks: providers rotate keys', async () => {
    const { provider, find, clock } = prepare();
    provider.answerWith(body(set));
    await find(setKey('a'));
    // Invented ids, as of an attacker who wants to cause calls.
    for (let made = 0; made < 100; made += 1) expect(await find(setKey(`made up ${made}`))).toEqual([]);
    expect(provider.calls).toHaveLength(1);
    clock.advance(minuteMs);
    provider.answerWith(body({ keys: [jwk('b'), jwk('c')] }));
    expect(idsOf(await find(setKey('c')))).toEqual(['c']);
    for (let made = 0; made < 100; made += 1) await find(setKey(`made up ${made}`));
    expect(provider.calls).toHaveLength(2);
  });

  test('keeps its remembered keys through any number of invented ids', async () => {
    const { provider, find } = prepare();
    provider.answerWith(body({ key: 'the key' }));
    await find(callKey());
    provider.answerWith({ status: 404 });
    for (let made = 0; made < 2500; made += 1) await find(callKey({ url: `https://acme.example/${made}` }));
    provider.answerWith(down());
    expect(await find(callKey())).toEqual(['the key']);
  });

  test('that was rotated without ids is read again for a request that its old keys do not verify', async () => {
    const { provider, find, clock } = prepare();
    provider.answerWith(body({ keys: [jwk('old')] }));
    await find(setKey());
    provider.answerWith(body({ keys: [jwk('new')] }));
    expect(idsOf(await find(setKey(), minuteMs))).toEqual(['old']);
    clock.advance(minuteMs);
    expect(idsOf(await find(setKey()))).toEqual(['old']);
    expect(idsOf(await find(setKey(), minuteMs))).toEqual(['new']);
    for (let forged = 0; forged < 100; forged += 1) await find(setKey(), minuteMs);
    expect(provider.calls).toHaveLength(2);
  });

  test('loses a key that its provider withdraws', async () => {
    const { provider, find, clock } = prepare();
    provider.answerWith(body({ keys: [jwk('a')] }));
    await find(setKey('a'));
    provider.answerWith(body({ keys: [jwk('b')] }));
    clock.advance(minuteMs);
    expect(await find(setKey('a'), minuteMs)).toEqual([]);
    expect(await find(setKey('a'))).toEqual([]);
  });

  test('is found through an issuer’s discovery document, which is fetched only together with it', async () => {
    const { provider, find, clock } = prepare();
    provider.answerWith(({ url }) =>
      body(url.endsWith('/.well-known/openid-configuration') ? { jwks_uri: 'https://keys.example/k' } : set),
    );
    const ask = (keyId: string) => find(setKey(keyId, 'oidc', 'https://acme.example/tenant/'));
    expect(idsOf(await ask('a'))).toEqual(['a']);
    expect(provider.calls.map(({ url }) => url)).toEqual([
      'https://acme.example/tenant/.well-known/openid-configuration',
      'https://keys.example/k',
    ]);
    for (let made = 0; made < 100; made += 1) await ask(`made up ${made}`);
    expect(provider.calls).toHaveLength(2);
    clock.advance(minuteMs);
    await ask('made up');
    expect(provider.calls).toHaveLength(4);
  });

  test.each([
    ['is no JSON', 'nothing'],
    ['is a list', []],
    ['is null', null],
    ['has keys that are not a list', { keys: {} }],
  ])('fails when it %s, so that the provider repeats its request', async (_name, answer) => {
    const { provider, find } = prepare();
    provider.answerWith(body(answer));
    await expect(find(setKey('a'))).rejects.toMatchObject({ code: 'provider-unavailable', retryable: true });
    provider.answerWith(body(set));
    expect(idsOf(await find(setKey('a')))).toEqual(['a']);
  });

  test.each([
    ['names no keys', {}],
    ['names keys that are not a URL', { jwks_uri: 'keys' }],
    ['names a list of keys', { jwks_uri: ['https://keys.example/'] }],
  ])('fails when the discovery %s', async (_name, answer) => {
    const { provider, find } = prepare();
    provider.answerWith(body(answer));
    await expect(find(setKey('a', 'oidc'))).rejects.toMatchObject({ code: 'provider-unavailable' });
  });
});

describe('a key from a call', () => {
  test.each<[string, unknown, readonly string[], readonly string[]]>([
    ['a member that is a JWK', { key: jwk('a') }, ['key'], [JSON.stringify(jwk('a'))]],
    ['a member that is PEM', { data: { pem: '-----BEGIN' } }, ['data', 'pem'], ['-----BEGIN']],
    ['the answer itself', '-----BEGIN', [], ['-----BEGIN']],
    ['nothing when the member is missing', { other: 1 }, ['key'], []],
    ['nothing when the member is null', { key: null }, ['key'], []],
    ['nothing when the parent of the member is null', { data: null }, ['data', 'pem'], []],
    ['nothing when the answer is not JSON', '<html>', ['key'], []],
  ])('is %s', async (_name, answer, select, expected) => {
    const { provider, find } = prepare();
    provider.answerWith(body(answer));
    expect(await find(callKey({}, select))).toEqual(expected);
  });

  test('is fetched as the definition says', async () => {
    const { provider, find } = prepare();
    const call = { method: 'POST', url: 'https://acme.example/key', headers: { a: 'b' }, body: '{"id":"1"}' } as const;
    await find(callKey(call));
    expect(provider.calls).toEqual([call]);
  });

  test.each([400, 404, 410])('does not exist when the provider says so: %i', async (status) => {
    const { provider, find } = prepare();
    provider.answerWith({ status, ...body({ key: 'x' }) });
    expect(await find(callKey())).toEqual([]);
    await find(callKey());
    expect(provider.calls).toHaveLength(1);
  });

  test.each([301, 302, 401, 403, 429, 500, 503])('fails when the provider answers %i', async (status) => {
    const { provider, find } = prepare();
    provider.answerWith({ status, ...body({ key: 'x' }) });
    await expect(find(callKey())).rejects.toMatchObject({
      code: 'provider-unavailable',
      message: `acme.example answered ${status}`,
      retryable: true,
    });
  });
});

describe('while the provider is down', () => {
  test('remembered keys stay valid, and no other key is found', async () => {
    const { provider, find, clock } = prepare();
    provider.answerWith(body({ key: 'the key' }));
    await find(callKey());
    provider.answerWith(down());
    clock.advance(2 * minuteMs);
    expect(await find(callKey())).toEqual(['the key']);
    expect(await find(callKey(), minuteMs), 'fetched again').toEqual(['the key']);
    await expect(find(callKey({ body: '{"another":1}' }))).rejects.toThrow('did not answer');
    clock.advance(dayMs);
    await expect(find(callKey())).rejects.toThrow('did not answer');
  });

  test('a failure is not remembered', async () => {
    const { provider, find } = prepare();
    provider.answerWith(down(), body({ key: 'the key' }));
    await expect(find(callKey())).rejects.toThrow('did not answer');
    expect(await find(callKey())).toEqual(['the key']);
  });
});

describe('a flood of requests that name unknown keys', () => {
  const owner = 'acc_acme';
  const unknown = { status: 404 };
  const keyAt = (at: number, host = 'acme.example') => callKey({ url: `https://${host}/${at}` });

  test('causes five calls to a host, and as many in each further minute', async () => {
    const { provider, keys, clock } = prepare();
    provider.answerWith(unknown);
    const search = { maxAgeMs: dayMs, owner };
    const found = [];
    for (let at = 0; at < 50; at += 1) found.push((await keys.find(keyAt(at), search)).kind);
    expect(provider.calls).toHaveLength(5);
    expect(found.filter((kind) => kind === 'limited')).toHaveLength(45);
    expect(await keys.find(keyAt(50), search)).toEqual({ kind: 'limited', retryAfterMs: 12_000 });
    clock.advance(minuteMs);
    for (let at = 100; at < 150; at += 1) await keys.find(keyAt(at), search);
    expect(provider.calls).toHaveLength(10);
  });

  test('causes that many over all functions, and does not query a spent budget again', async () => {
    const clock = createManualClock();
    const provider = createProgrammableProvider();
    provider.answerWith(unknown);
    const shared = createInMemoryCallLimits(clock);
    let taken = 0;
    const limits: CallLimits = {
      take(limit) {
        taken += 1;
        return shared.take(limit);
      },
    };
    const functions = [1, 2, 3].map(() => createPublishedKeys({ provider, issuers: provider, limits, clock }, []));
    for (let at = 0; at < 30; at += 1)
      for (const keys of functions) await keys.find(keyAt(at), { maxAgeMs: dayMs, owner });
    expect(provider.calls).toHaveLength(5);
    // Each function has learned once that it is spent.
    expect(taken).toBe(8);
  });

  test('affects no other owner, no other host and no known key', async () => {
    const { provider, keys, clock } = prepare();
    const search = { maxAgeMs: dayMs, owner };
    provider.answerWith(body({ key: 'the key' }));
    await keys.find(callKey(), search);
    provider.answerWith(unknown);
    for (let at = 0; at < 50; at += 1) await keys.find(keyAt(at), search);
    expect(provider.calls).toHaveLength(5);
    provider.answerWith(body({ key: 'another' }));
    expect(await keys.find(keyAt(1, 'other.example'), search)).toMatchObject({ keys: ['another'] });
    expect(await keys.find(keyAt(51), { ...search, owner: 'acc_globex' })).toMatchObject({ keys: ['another'] });
    expect(await keys.find(callKey(), search)).toEqual({ kind: 'found', keys: ['the key'] });
    // The same when a newer key is searched: the known key stays in use.
    for (let at = 0; at < 9; at += 1) await keys.find(keyAt(200 + at), search);
    clock.advance(minuteMs - 1);
    for (let at = 0; at < 9; at += 1) await keys.find(keyAt(300 + at), search);
    expect(await keys.find(callKey(), { ...search, maxAgeMs: 1_000 })).toEqual({ kind: 'found', keys: ['the key'] });
  });

  test('causes one read of a set by each function, and further reads only within the budget', async () => {
    const { provider, keys, clock } = prepare();
    provider.answerWith(body({ keys: [jwk('a')] }));
    const search = { maxAgeMs: dayMs, owner };
    for (let minute = 0; minute < 3; minute += 1) {
      for (let made = 0; made < 50; made += 1) await keys.find(setKey(`made up ${minute} ${made}`), search);
      clock.advance(minuteMs);
    }
    expect(provider.calls.length).toBeLessThanOrEqual(3);
    expect(await keys.find(setKey('a'), search)).toMatchObject({ kind: 'found', keys: [expect.any(String)] });
  });

  test('counts the certificates of issuers for their own host', async () => {
    const { provider, issuers, keys } = prepare();
    provider.answerWith(body(leafPem));
    issuers.answerWith(unknown);
    for (let at = 0; at < 20; at += 1)
      await keys.find(certificateAt(`https://acme.example/${at}`), { maxAgeMs: dayMs, owner });
    expect([provider.calls.length, issuers.calls.length]).toEqual([5, 5]);
  });
});

describe('the certificate of an issuer', () => {
  const found = { body: derOf(intermediatePem) };
  const leafOf = (url: string) =>
    certificateOf({ subject: leaf, issuer: intermediate, hosts: ['keys.acme.example'], issuerUrl: url });
  const certificate = (issuers: readonly string[]): KeyRequest => ({
    ...(certificateAt() as Extract<KeyRequest, { kind: 'certificate' }>),
    issuers,
  });

  test.each([
    ['over http from a declared host', 'http://crt.acme.example/a.cer', ['crt.acme.example']],
    ['over http from a host of a declared domain', 'http://crt.r2m01.acme.example/a.cer', ['.acme.example']],
    ['over https from any host', 'https://other.example/a.cer', ['crt.acme.example']],
    ['over https when no host is declared', 'https://other.example/a.cer', []],
  ])('is fetched %s', async (_name, url, declared) => {
    const { provider, issuers, find } = prepare();
    provider.answerWith(body(leafOf(url)));
    issuers.answerWith(found);
    expect(await find(certificate(declared))).toHaveLength(1);
    expect(issuers.calls.map((call) => call.url)).toEqual([url]);
  });

  test.each([
    ['over http from another host', 'http://evil.example/a.cer', ['crt.acme.example']],
    ['over http from a host with the same ending', 'http://evilacme.example/a.cer', ['.acme.example']],
    ['over http from the domain itself', 'http://acme.example/a.cer', ['.acme.example']],
    [
      'over http from a host with the same beginning',
      'http://crt.acme.example.evil.example/a.cer',
      ['crt.acme.example'],
    ],
    ['over http when no host is declared', 'http://crt.acme.example/a.cer', []],
    ['from another port', 'http://crt.acme.example:8080/a.cer', ['crt.acme.example']],
    ['from another port over https', 'https://crt.acme.example:8443/a.cer', ['crt.acme.example']],
    ['by another scheme', 'ldap://crt.acme.example/a.cer', ['crt.acme.example']],
    ['from the metadata address', 'http://169.254.169.254/latest', ['crt.acme.example']],
  ])('is not fetched %s', async (_name, url, declared) => {
    const { provider, issuers, find } = prepare();
    provider.answerWith(body(leafOf(url)));
    issuers.answerWith(found);
    expect(await find(certificate(declared))).toEqual([]);
    expect(issuers.calls).toEqual([]);
  });
});

describe('at the same time', () => {
  test('requests for one key share one call, and all fail with it', async () => {
    const { provider, find } = prepare();
    provider.answerWith(body({ key: 'the key' }));
    const found = await Promise.all(Array.from({ length: 50 }, () => find(callKey())));
    expect(new Set(found.flat())).toEqual(new Set(['the key']));
    expect(provider.calls).toHaveLength(1);
    provider.answerWith(down());
    const failed = await Promise.allSettled(Array.from({ length: 50 }, () => find(callKey({ body: '1' }))));
    expect(new Set(failed.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(provider.calls).toHaveLength(2);
  });

  test('requests for several keys of one set share one call', async () => {
    const { provider, find } = prepare();
    provider.answerWith(body({ keys: [jwk('a'), jwk('b')] }));
    const found = await Promise.all(['a', 'b', 'c', undefined].map((keyId) => find(setKey(keyId))));
    expect(found.map(idsOf)).toEqual([['a'], ['b'], [], ['a', 'b']]);
    expect(provider.calls).toHaveLength(1);
  });
});
