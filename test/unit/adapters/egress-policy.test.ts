import { describe, expect, test } from 'vitest';
import { createEgressPolicy, type EgressPolicyOptions } from '../../../lambdas/adapters/http/egress-policy.ts';

type Resolve = NonNullable<EgressPolicyOptions['resolve']>;

/** A resolver that answers from a table and remembers what it was asked. */
function resolverOf(names: Readonly<Record<string, readonly string[]>>) {
  const asked: string[] = [];
  const resolve: Resolve = (hostname, callback) => {
    asked.push(hostname);
    const addresses = Object.hasOwn(names, hostname) ? names[hostname] : undefined;
    if (addresses === undefined) return callback(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), []);
    return callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { resolve, asked };
}

const nothing: Resolve = () => {
  throw new Error('an address literal is not resolved');
};
const policyFor = (options: Partial<EgressPolicyOptions> = {}) =>
  createEgressPolicy({ allowedRanges: [], allowHttp: false, resolve: nothing, ...options });

describe('an address in a URL', () => {
  test.each([
    ['loopback', 'https://127.0.0.1/'],
    ['loopback of any host part', 'https://127.8.8.8/'],
    ['loopback with a port', 'https://127.0.0.1:8787/'],
    ['loopback with a trailing dot', 'https://127.0.0.1./'],
    ['loopback in decimal', 'https://2130706433/'],
    ['loopback in hexadecimal', 'https://0x7f000001/'],
    ['loopback in hexadecimal parts', 'https://0x7f.0x0.0x0.0x1/'],
    ['loopback in octal', 'https://0177.0.0.1/'],
    ['loopback in octal, all of it', 'https://017700000001/'],
    ['loopback in two parts', 'https://127.1/'],
    ['loopback in three parts', 'https://127.0.1/'],
    ['loopback in mixed bases', 'https://0x7f.1/'],
    ['loopback in full-width digits', 'https://１２７.０.０.１/'],
    ['loopback in percent escapes', 'https://%31%32%37.0.0.1/'],
    ['loopback with ideographic dots', 'https://127。0。0。1/'],
    ['this host', 'https://0.0.0.0/'],
    ['this host, short', 'https://0/'],
    ['this network', 'https://0.1.2.3/'],
    ['private 10/8', 'https://10.0.0.1/'],
    ['private 172.16/12, its last', 'https://172.31.255.255/'],
    ['private 192.168/16', 'https://192.168.1.1/'],
    ['shared 100.64/10', 'https://100.127.255.254/'],
    ['link-local', 'https://169.254.1.1/'],
    ['metadata of AWS', 'https://169.254.169.254/latest/meta-data/'],
    ['metadata of AWS in decimal', 'https://2852039166/'],
    ['metadata of AWS in octal', 'https://0251.0376.0251.0376/'],
    ['metadata of containers', 'https://169.254.170.2/v2/credentials'],
    ['metadata of Alibaba', 'https://100.100.100.200/'],
    ['metadata of Oracle', 'https://192.0.0.192/'],
    ['documentation', 'https://192.0.2.1/'],
    ['benchmarks', 'https://198.19.255.255/'],
    ['multicast', 'https://224.0.0.1/'],
    ['reserved', 'https://240.0.0.1/'],
    ['broadcast', 'https://255.255.255.255/'],
    ['IPv6 unspecified', 'https://[::]/'],
    ['IPv6 loopback', 'https://[::1]/'],
    ['IPv6 loopback, written out', 'https://[0:0:0:0:0:0:0:1]/'],
    ['IPv6 loopback with zeros', 'https://[0000::0001]/'],
    ['IPv6-mapped loopback', 'https://[::ffff:127.0.0.1]/'],
    ['IPv6-mapped loopback in hexadecimal', 'https://[::ffff:7f00:1]/'],
    ['IPv6-mapped loopback, written out', 'https://[0:0:0:0:0:FFFF:7F00:0001]/'],
    ['IPv6-mapped metadata', 'https://[::ffff:a9fe:a9fe]/'],
    ['IPv6-mapped private', 'https://[::ffff:10.0.0.1]/'],
    ['IPv6-mapped this host', 'https://[::ffff:0:0]/'],
    ['IPv6-translated loopback', 'https://[::ffff:0:127.0.0.1]/'],
    ['IPv4-compatible loopback', 'https://[::127.0.0.1]/'],
    ['IPv4-compatible public', 'https://[::8.8.8.8]/'],
    ['NAT64 loopback', 'https://[64:ff9b::127.0.0.1]/'],
    ['NAT64 metadata', 'https://[64:ff9b::a9fe:a9fe]/'],
    ['NAT64 this host', 'https://[64:ff9b::]/'],
    ['NAT64 of local use', 'https://[64:ff9b:1::10.0.0.1]/'],
    ['NAT64 of local use, another prefix', 'https://[64:ff9b:1:abcd::7f00:1]/'],
    ['6to4 of loopback', 'https://[2002:7f00:1::]/'],
    ['6to4 of private', 'https://[2002:a00:1::1]/'],
    ['Teredo', 'https://[2001:0:7f00:1::]/'],
    ['unique local', 'https://[fd00:ec2::254]/'],
    ['unique local, its other half', 'https://[fc00::1]/'],
    ['IPv6 link-local', 'https://[fe80::1]/'],
    ['IPv6 link-local, its last', 'https://[febf:ffff::1]/'],
    ['IPv6 site-local', 'https://[fec0::1]/'],
    ['IPv6 multicast', 'https://[ff02::1]/'],
    ['IPv6 documentation', 'https://[2001:db8::1]/'],
    ['IPv6 documentation, the newer', 'https://[3fff::1]/'],
    ['IPv6 discard', 'https://[100::1]/'],
    ['IPv6 segment routing', 'https://[5f00::1]/'],
    ['IPv6 that is not assigned', 'https://[4000::1]/'],
  ])('fails when it is %s', async (_name, url) => {
    const policy = policyFor();
    expect(policy.refusalOfUrl(url)).toMatch(/is not a public address$/);
    expect(await policy.refusalOf(url)).toMatch(/is not a public address$/);
  });

  test.each([
    'https://8.8.8.8/',
    'https://1.1.1.1:8443/hooks?a=b',
    'https://134744072/',
    'https://172.32.0.1/',
    'https://100.128.0.1/',
    'https://[2606:4700::1111]/',
    'https://[2a00:1450:4001:82b::200e]/',
    'https://[::ffff:8.8.8.8]/',
    'https://[64:ff9b::8.8.8.8]/',
  ])('may be called: %s', async (url) => {
    expect(await policyFor().refusalOf(url)).toBeUndefined();
  });
});

describe('a URL', () => {
  test.each([
    ['it is no URL', 'example.com/hooks', 'it is not an absolute URL'],
    ['it is empty', '', 'it is not an absolute URL'],
    ['its address is malformed', 'https://256.256.256.256/', 'it is not an absolute URL'],
    ['its address has a zone', 'https://[fe80::1%25eth0]/', 'it is not an absolute URL'],
    ['it is plain http', 'http://8.8.8.8/', 'its scheme must be https, got http'],
    ['it is a file', 'file:///etc/passwd', 'its scheme must be https, got file'],
    ['it is ftp', 'ftp://8.8.8.8/', 'its scheme must be https, got ftp'],
    ['it is data', 'data:text/plain,hello', 'its scheme must be https, got data'],
    ['it carries a user', 'https://admin@8.8.8.8/', 'it must not carry a user name or password'],
    ['it carries a password', 'https://:secret@8.8.8.8/', 'it must not carry a user name or password'],
    ['its user looks like a public host', 'https://8.8.8.8@127.0.0.1/', 'it must not carry a user name or password'],
  ])('fails when %s', async (_name, url, refusal) => {
    expect(await policyFor().refusalOf(url)).toBe(refusal);
  });

  test('may be plain http where that is allowed, and only that', async () => {
    const policy = policyFor({ allowHttp: true });
    expect(await policy.refusalOf('http://8.8.8.8/')).toBeUndefined();
    expect(await policy.refusalOf('http://127.0.0.1/')).toMatch(/is not a public address$/);
    expect(await policy.refusalOf('ftp://8.8.8.8/')).toBe('its scheme must be https, got ftp');
  });
});

describe('a range that is allowed', () => {
  const policy = policyFor({ allowedRanges: ['127.0.0.0/8', 'fd12::/16'], allowHttp: true });

  test.each([
    'http://127.0.0.1:8787/',
    'http://127.255.0.1/',
    'http://2130706433/',
    'http://[::ffff:127.0.0.1]/',
    'http://[fd12::9]/',
  ])('opens %s', async (url) => {
    expect(await policy.refusalOf(url)).toBeUndefined();
  });

  test.each(['http://10.0.0.1/', 'http://169.254.169.254/', 'http://[::1]/', 'http://[fd13::9]/', 'http://0.0.0.0/'])(
    'does not open %s',
    async (url) => {
      expect(await policy.refusalOf(url)).toMatch(/is not a public address$/);
    },
  );
});

describe('a name', () => {
  const { resolve, asked } = resolverOf({
    'public.example': ['93.184.216.34', '2606:4700::1111'],
    'private.example': ['10.0.0.5'],
    'mixed.example': ['93.184.216.34', '127.0.0.1'],
    'mixed6.example': ['2606:4700::1111', '::ffff:169.254.169.254'],
    'mapped.example': ['::ffff:7f00:1'],
    'zone.example': ['fe80::1%eth0'],
    'public-zone.example': ['2606:4700::1111%eth0'],
    'metadata.example': ['fd00:ec2::254'],
    'nat64.example': ['64:ff9b::7f00:1'],
    'garbage.example': ['not an address'],
    'empty.example': [],
    localhost: ['127.0.0.1', '::1'],
  });
  const policy = policyFor({ resolve });

  test('may be called when all of its addresses are public', async () => {
    expect(await policy.refusalOf('https://public.example/hooks')).toBeUndefined();
    expect(asked).toEqual(['public.example']);
  });

  test.each([
    ['https://private.example/', /does not resolve to public addresses only/],
    ['https://mixed.example/', /does not resolve to public addresses only/],
    ['https://mixed6.example/', /does not resolve to public addresses only/],
    ['https://mapped.example/', /does not resolve to public addresses only/],
    ['https://zone.example/', /does not resolve to public addresses only/],
    ['https://public-zone.example/', /does not resolve to public addresses only/],
    ['https://metadata.example/', /does not resolve to public addresses only/],
    ['https://nat64.example/', /does not resolve to public addresses only/],
    ['https://garbage.example/', /does not resolve to public addresses only/],
    ['https://empty.example/', /does not resolve to public addresses only/],
    ['https://LOCALHOST/', /does not resolve to public addresses only/],
  ])('fails when it resolves otherwise: %s', async (url, refusal) => {
    expect(await policy.refusalOf(url)).toMatch(refusal);
  });

  test.each([true, false])(
    'is dialled only at an address that was checked in the same answer (all: %s)',
    async (all) => {
      // The name rebinds: public when it is checked, private when it is dialled.
      const answers = [['93.184.216.34'], ['127.0.0.1']];
      const rebinding = policyFor({
        resolve: (_hostname, callback) => callback(null, [{ address: answers.shift()?.[0] ?? '127.0.0.1', family: 4 }]),
      });
      expect(await rebinding.refusalOf('https://rebinding.example/')).toBeUndefined();
      const dialled = await new Promise((settle) => {
        rebinding.lookup('rebinding.example', { all }, (error, address) => settle(error ?? address));
      });
      expect(dialled).toBeInstanceOf(Error);
    },
  );

  test('is dialled at the addresses it resolved to', async () => {
    const lookup = (all: boolean) =>
      new Promise((settle) => {
        policy.lookup('public.example', { all }, (error, address, family) => settle(error ?? [address, family]));
      });
    expect(await lookup(false)).toEqual(['93.184.216.34', 4]);
    expect(await lookup(true)).toEqual([
      [
        { address: '93.184.216.34', family: 4 },
        { address: '2606:4700::1111', family: 6 },
      ],
      undefined,
    ]);
  });
});

test('a name that does not resolve yet may be subscribed: every delivery resolves it anew', async () => {
  const policy = createEgressPolicy({
    allowedRanges: [],
    allowHttp: false,
    resolve: (_, callback) => callback(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), []),
  });
  expect(await policy.refusalOf('https://absent.example/')).toBeUndefined();
});
