import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prepareCall, prepareUrl } from '../../../../lambdas/engine/outbound/outbound-call.ts';
import type { TemplateInput } from '../../../../lambdas/engine/template/template.ts';
import { faultsOf } from '../reception/acme.ts';

const input = (decoded: unknown, change: Partial<TemplateInput> = {}): TemplateInput => ({
  method: 'POST',
  url: 'https://hooks.example.com/in/acme',
  path: '/in/acme',
  headers: {},
  query: new URLSearchParams(),
  body: Buffer.alloc(0),
  decoded,
  secrets: {},
  vars: {},
  ...change,
});

describe('a URL whose host is partly a secret', () => {
  const read = prepareUrl({
    url: 'https://api.acme{secret.suffix?}.com/v1/{json.id}/verify',
    hosts: ['api.acme.com', 'api.acme-demo.com'],
  });
  const urlOf = (id: unknown, suffix?: string) =>
    read(input({ id }, { secrets: suffix === undefined ? {} : { suffix } }));

  test.each([
    [undefined, 'https://api.acme.com/v1/7/verify'],
    ['-demo', 'https://api.acme-demo.com/v1/7/verify'],
  ])('is called when the host is allowed: %s', (suffix, url) => {
    expect(urlOf('7', suffix)).toEqual({ kind: 'url', url });
  });

  test('encodes values from the request', () => {
    expect(urlOf('../x?y#z')).toEqual({ kind: 'url', url: 'https://api.acme.com/v1/..%2Fx%3Fy%23z/verify' });
    expect(urlOf('..')).toMatchObject({ kind: 'rejected', reason: 'url-not-allowed' });
  });

  test.each(['.evil.example/', '-other', '@evil.example', '-demo.com.evil'])(
    'fails with %s for the secret',
    (suffix) => {
      expect(urlOf('7', suffix)).toMatchObject({ kind: 'rejected', reason: 'url-not-allowed' });
    },
  );
});

describe('a URL that the request gives', () => {
  const read = prepareUrl({ url: '{json.url}', hosts: ['sns.{region}.acme.com', 'api.acme.com'] });
  const urlOf = (url: unknown) => read(input({ url }));

  test.each([
    ['https://sns.us-east-1.acme.com/a.pem', 'https://sns.us-east-1.acme.com/a.pem'],
    ['https://api.acme.com', 'https://api.acme.com/'],
    ['https://API.ACME.COM/Path?A=B', 'https://api.acme.com/Path?A=B'],
    ['HTTPS://api.acme.com:443/', 'https://api.acme.com/'],
    ['https://api.acme.com/a#b', 'https://api.acme.com/a'],
    ['https://sns.us-gov-west-1.acme.com/', 'https://sns.us-gov-west-1.acme.com/'],
    ['https://sns.eusc-de-east-1.acme.com/', 'https://sns.eusc-de-east-1.acme.com/'],
    // Other spellings that a URL parser reads as this host.
    ['https:\\\\api.acme.com\\a', 'https://api.acme.com/a'],
    ['https:api.acme.com/a', 'https://api.acme.com/a'],
    [' https://api.acme.com/\n', 'https://api.acme.com/'],
    ['https://api.acme.com/../../a/%2e%2e/b', 'https://api.acme.com/b'],
    ['https://ａｐｉ.acme.com/', 'https://api.acme.com/'],
    ['https://api.acme.com\\@evil.example/', 'https://api.acme.com/@evil.example/'],
  ])('is called when its host is allowed: %s', (given, called) => {
    expect(urlOf(given)).toEqual({ kind: 'url', url: called });
  });

  test.each([
    ['a host that ends like it', 'https://evilapi.acme.com.evil.example/'],
    ['a host that ends with it', 'https://notapi.acme.com/'],
    ['a domain that ends with it', 'https://api.acme.com.evil.example/'],
    ['its domain', 'https://acme.com/'],
    ['a host below it', 'https://x.api.acme.com/'],
    ['two labels in place of the region', 'https://sns.us-east-1.us-east-1.acme.com/'],
    ['an empty label in place of the region', 'https://sns..acme.com/'],
    ['no region', 'https://sns.acme.com/'],
    ['a service name in place of the region', 'https://sns.s3.acme.com/'],
    ['a service name with a region in place of the region', 'https://sns.s3-us-west-2.acme.com/'],
    ['a bucket name in place of the region', 'https://sns.my-bucket.acme.com/'],
    ['a name that ends like a region', 'https://sns.x1-east-1.acme.com/'],
    ['the pattern itself', 'https://sns.{region}.acme.com/'],
    ['a trailing dot', 'https://api.acme.com./'],
    ['an escaped dot', 'https://api%2eacme.com.evil.example/'],
    ['another host behind userinfo', 'https://api.acme.com@evil.example/'],
    ['another host behind userinfo with a password', 'https://api.acme.com:443@evil.example/'],
    ['a user name', 'https://user@api.acme.com/'],
    ['a password', 'https://:password@api.acme.com/'],
    ['another port', 'https://api.acme.com:8443/'],
    ['the port of http', 'https://api.acme.com:80/'],
    ['plain http', 'http://api.acme.com/'],
    ['another scheme', 'ftp://api.acme.com/'],
    ['a file', 'file://api.acme.com/etc/passwd'],
    ['a script', 'javascript:alert("https://api.acme.com/")'],
    ['no scheme', '//api.acme.com/'],
    ['a path', '/api.acme.com'],
    ['an IPv4 address', 'https://127.0.0.1/'],
    ['the address of the metadata service', 'https://169.254.169.254/'],
    ['an IPv6 address', 'https://[::1]/'],
    ['the host as a query', 'https://evil.example/?https://api.acme.com/'],
    ['the host as a fragment', 'https://evil.example/#api.acme.com'],
    ['letters that look like it', 'https://аpi.acme.com/'],
    ['an ideographic dot before more', 'https://api.acme.com。evil.example/'],
    ['a soft hyphen before another domain', 'https://api.acme.com\u00ad.evil.example/'],
    ['a NUL character', 'https://api.acme.com\0.evil.example/'],
    ['a line break', 'https://evil.example\n.api.acme.com/'],
    ['an empty text', ''],
    ['a URL that is too long', `https://api.acme.com/${'a'.repeat(2048)}`],
  ])('fails for %s', (_name, given) => {
    expect(urlOf(given)).toEqual({ kind: 'rejected', reason: 'url-not-allowed', detail: '{json.url}' });
  });

  test('fails when the request has no URL', () => {
    for (const url of [undefined, null, {}, ['https://api.acme.com/']])
      expect(urlOf(url)).toEqual({ kind: 'rejected', reason: 'value-missing', detail: 'json.url' });
  });

  test('never has a host that is not allowed', () => {
    const pieces = [
      'https:',
      '//',
      'api.acme.com',
      'evil.example',
      '@',
      ':',
      '/',
      '\\',
      '.',
      '#',
      '?',
      '%2e',
      '\t',
      '80',
    ];
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 }))), (written) => {
        const url = urlOf(written.join(''));
        const called = url.kind === 'url' ? new URL(url.url).origin : 'https://api.acme.com';
        expect(called).toMatch(/^https:\/\/(api|sns\.[a-z0-9-]+)\.acme\.com$/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a URL with a literal host', () => {
  const read = prepareUrl({ url: 'https://api.acme.com:8443/v1/keys/{json.id}/of/{json.owner?}?q={json.q?}' });
  const urlOf = (id: unknown, more: object = {}) => read(input({ id, ...more }));

  test.each([
    ['a/b', 'a%2Fb'],
    ['../../admin', '..%2F..%2Fadmin'],
    ['..%2F..', '..%252F..'],
    ['%2e%2e', '%252e%252e'],
    ['...', '...'],
    ['a?b=c&d#e', 'a%3Fb%3Dc%26d%23e'],
    ['@evil.example/', '%40evil.example%2F'],
    ['a\\b', 'a%5Cb'],
    ['\r\nHost: evil', '%0D%0AHost%3A%20evil'],
    ['\0', '%00'],
    ['é😀', '%C3%A9%F0%9F%98%80'],
    ['\ud800', '%EF%BF%BD'],
  ])('encodes %j as one part of its path', (id, encoded) => {
    const url = urlOf(id);
    expect(url).toEqual({ kind: 'url', url: `https://api.acme.com:8443/v1/keys/${encoded}/of/?q=` });
    expect(new URL(url.kind === 'url' ? url.url : '').pathname).toBe(`/v1/keys/${encoded}/of/`);
  });

  test.each(['.', '..'])('fails when a part is %s, which navigates in the path', (id) => {
    expect(urlOf(id)).toEqual({ kind: 'rejected', reason: 'url-not-allowed', detail: 'json.id' });
  });

  test('fails when it would be too long', () => {
    expect(urlOf('a'.repeat(3000))).toMatchObject({ kind: 'rejected', reason: 'url-not-allowed' });
  });

  test('keeps its host and its path for any request', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc
        .array(fc.constantFrom('.', '..', '/', '\\', '%2e', '%2f', '@', ':', '?', '#', '\t', ';'))
        .map((all) => all.join('')),
    );
    fc.assert(
      fc.property(hostile, hostile, hostile, (id, owner, q) => {
        const read = urlOf(id, { owner, q });
        if (read.kind === 'rejected') return;
        const url = new URL(read.url);
        expect(url.origin).toBe('https://api.acme.com:8443');
        expect(url.pathname.split('/').slice(0, 3)).toEqual(['', 'v1', 'keys']);
        expect(url.pathname.split('/')).toHaveLength(6);
        expect([...url.searchParams.keys()]).toEqual(['q']);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a call', () => {
  const read = prepareCall({
    method: 'POST',
    url: 'https://api.acme.com/keys',
    headers: { Authorization: 'Bearer {secret.token}', 'X-Trace': '{json.trace?}' },
    json: { client: '{secret.client_id}', id: '{json.id}' },
  });
  const secrets = { token: 'a token', client_id: 'c' };

  test('encodes values from the request', () => {
    const id = '"},"client":"evil\\';
    expect(read(input({ id }, { secrets }))).toEqual({
      kind: 'call',
      call: {
        method: 'POST',
        url: 'https://api.acme.com/keys',
        headers: { 'content-type': 'application/json', Authorization: 'Bearer a token', 'X-Trace': '' },
        body: JSON.stringify({ client: 'c', id }),
      },
    });
  });

  test.each(['a\r\nX: y', 'a\nb', '\0', 'é', '\u2028'])('fails when a header would hold %j', (trace) => {
    expect(read(input({ id: '1', trace }, { secrets }))).toEqual({
      kind: 'rejected',
      reason: 'token-malformed',
      detail: 'X-Trace',
    });
  });

  test('fails when the request or the account lacks a part', () => {
    expect(read(input({}, { secrets }))).toMatchObject({ reason: 'value-missing', detail: 'json.id' });
    expect(read(input({ id: '1' }))).toMatchObject({ reason: 'secret-not-configured', detail: 'token' });
  });
});

describe('as a definition', () => {
  const verify = { token: { value: '{header.T}', expected: 'token' } };
  const faults = (confirm: object) =>
    faultsOf({ verify, handshakes: [{ name: 'hello', when: { method: 'POST' }, respond: {}, confirm }] });

  test.each([
    { url: 'https://api.acme.com/{json.id}' },
    { url: 'https://api.acme.com:8443/{json.id}' },
    { url: 'https://api.acme.com' },
    { url: '{json.url}', hosts: ['sns.{region}.acme.com', 'api.acme.com'] },
    { url: 'https://{json.region}.acme.com/', hosts: ['eu.acme.com'] },
  ])('accepts %j', (confirm) => {
    expect(faults(confirm)).toEqual([]);
  });

  test.each([
    ['the request gives the URL and no hosts are listed', { url: '{json.url}' }],
    ['the request gives the host', { url: 'https://{json.host}/' }],
    ['the request gives the end of the host', { url: 'https://api.acme.com{json.rest}' }],
    ['the request gives the port', { url: 'https://api.acme.com:{json.port}/' }],
    ['the request gives the user', { url: 'https://{json.user}@api.acme.com/' }],
    ['the URL has a user', { url: 'https://user@api.acme.com/' }],
    ['the URL is plain http', { url: 'http://api.acme.com/' }],
    ['a host is a star', { url: '{json.url}', hosts: ['*'] }],
    ['a host is a wildcard of a domain', { url: '{json.url}', hosts: ['*.acme.com'] }],
    ['a label is a star', { url: '{json.url}', hosts: ['sns.*.amazonaws.com'] }],
    ['a part of a label is a star', { url: '{json.url}', hosts: ['eu-*.acme.com'] }],
    ['a registered domain is a region', { url: '{json.url}', hosts: ['{region}.com'] }],
    ['a label is a region and more', { url: '{json.url}', hosts: ['x{region}.acme.com'] }],
    ['a label is another placeholder', { url: '{json.url}', hosts: ['{zone}.acme.com'] }],
    ['a top level is a star', { url: '{json.url}', hosts: ['acme.*'] }],
    ['a host is an address', { url: '{json.url}', hosts: ['10.0.0.1'] }],
    ['a host has a port', { url: '{json.url}', hosts: ['api.acme.com:443'] }],
    ['a host is a URL', { url: '{json.url}', hosts: ['https://api.acme.com'] }],
    ['a host is in upper case, which no parsed URL matches', { url: '{json.url}', hosts: ['API.acme.com'] }],
    ['the list of hosts is empty', { url: '{json.url}', hosts: [] }],
    ['hosts are listed for a literal host', { url: 'https://api.acme.com/', hosts: ['api.acme.com'] }],
    ['a header name is invalid', { url: 'https://api.acme.com/', headers: { 'X Y': 'a' } }],
    ['the method is not allowed', { url: 'https://api.acme.com/', method: 'DELETE' }],
  ])('fails when %s', (_name, confirm) => {
    expect(faults(confirm)).not.toEqual([]);
  });
});
