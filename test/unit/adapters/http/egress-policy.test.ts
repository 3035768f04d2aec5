import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createEgressPolicy,
  type EgressPolicyOptions,
  EgressRefusal,
} from '../../../../lambdas/adapters/http/egress-policy.ts';
import { createAddressFilter } from '../../../../lambdas/engine/outbound/public-addresses.ts';
import { resolveHostileNames } from '../../../fakes/hostile-urls.ts';

type Resolve = NonNullable<EgressPolicyOptions['resolve']>;

/** Refused URLs are in test/fakes/hostile-urls.ts; these tests are about allowed URLs, and about dialling. */
const nothing: Resolve = () => {
  throw new Error('an address literal is not resolved');
};
const policyFor = (options: Partial<EgressPolicyOptions> = {}) =>
  createEgressPolicy({ mayDial: createAddressFilter([]), allowHttp: false, resolve: nothing, ...options });
const resolveTo =
  (...addresses: readonly string[]): Resolve =>
  (_, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
/** The result of a lookup. */
const dial = (policy: ReturnType<typeof policyFor>, name: string, all = true) =>
  new Promise((settle) => {
    policy.lookup(name, { all }, (error, address, family) => settle(error ?? [address, family]));
  });

describe('an address in a URL', () => {
  test.each([
    'https://8.8.8.8/',
    'https://1.1.1.1:8443/hooks?a=b',
    'https://134744072/',
    'https://126.255.255.255/',
    'https://128.0.0.1/',
    'https://172.15.255.255/',
    'https://172.32.0.1/',
    'https://192.167.255.255/',
    'https://100.63.255.255/',
    'https://100.128.0.1/',
    'https://169.253.255.255/',
    'https://198.17.255.255/',
    'https://198.20.0.1/',
    'https://223.255.255.255/',
    'https://[2606:4700::1111]/',
    'https://[2a00:1450:4001:82b::200e]/',
    'https://[2001:200::1]/',
    'https://[2001:db9::1]/',
    'https://[2003::1]/',
    'https://[::ffff:8.8.8.8]/',
    'https://[64:ff9b::8.8.8.8]/',
  ])('may be called: %s', async (url) => {
    expect(await policyFor().refusalOf(url)).toBeUndefined();
  });

  test('may be called over plain http where http is allowed', async () => {
    expect(await policyFor({ allowHttp: true }).refusalOf('http://8.8.8.8/')).toBeUndefined();
  });

  test('gets the same verdict as IPv4, mapped into IPv6 and translated by NAT64', () => {
    const policy = policyFor();
    const byte = fc.integer({ min: 0, max: 255 });
    // Prefer first bytes inside the denied ranges and at their edges.
    const first = fc.oneof(byte, fc.constantFrom(0, 10, 100, 127, 168, 169, 172, 192, 198, 203, 224, 240));
    fc.assert(
      fc.property(first, byte, byte, byte, (...bytes) => {
        const [high, low] = [0, 2].map((at) => (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16));
        const isRefused = (host: string) => policy.refusalOfUrl(`https://${host}/`) !== undefined;
        const dotted = bytes.join('.');
        const verdicts = [
          dotted,
          `[::ffff:${dotted}]`,
          `[::ffff:${high}:${low}]`,
          `[64:ff9b::${dotted}]`,
          `[64:ff9b:0:0:0:0:${high}:${low}]`,
        ].map(isRefused);
        expect(new Set(verdicts).size, dotted).toBe(1);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the engine itself', () => {
  const ownOrigins = ['https://hooks.example.com', 'https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com'];
  const policy = policyFor({ ownOrigins, resolve: resolveTo('93.184.216.34') });
  const refusal = /^[a-z0-9.-]+ leads back to this Tributary deployment, which must not call itself$/;

  test.each([
    'https://hooks.example.com/in/github/acc_1',
    'https://HOOKS.Example.COM/v1/events',
    'https://hooks.example.com./',
    'https://hooks.example.com:443/',
    'https://hooks.example.com:8443/',
    'https://hooks%2eexample.com/',
    'https://ｈｏｏｋｓ.example。com/',
    'https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/in/github/acc_1',
    'https://A1B2C3D4E5.execute-api.eu-west-1.api.aws/',
  ])('is not called: %s', async (url) => {
    expect(await policy.refusalOf(url)).toMatch(refusal);
    expect(policy.refusalOfUrl(url)).toMatch(refusal);
  });

  test.each([
    'https://example.com/',
    'https://xhooks.example.com/',
    'https://hooks.example.com.example.net/',
    'https://other12345.execute-api.eu-west-1.amazonaws.com/',
  ])('is not another host with a similar name: %s', async (url) => {
    expect(await policy.refusalOf(url)).toBeUndefined();
  });

  test('is recognized by its name in another script', async () => {
    const other = policyFor({ ownOrigins: ['https://höoks.example.com'], resolve: resolveTo('93.184.216.34') });
    expect(await other.refusalOf('https://xn--hoks-5qa.example.com/')).toMatch(refusal);
    expect(await other.refusalOf('https://HÖOKS.example.com/')).toMatch(refusal);
  });

  test('fails when an own origin is not a URL', () => {
    expect(() => policyFor({ ownOrigins: ['hooks.example.com'] })).toThrow(/own origin must be an absolute URL/);
  });

  describe('on this machine', () => {
    const local = policyFor({
      ownOrigins: ['http://localhost:8787'],
      mayDial: createAddressFilter(['0.0.0.0/0', '::/0']),
      allowHttp: true,
      resolve: resolveTo('127.0.0.1', '::1'),
    });

    test.each([
      'http://localhost:8787/',
      'http://LOCALHOST.:8787/',
      'https://localhost:8787/',
      'http://engine.localhost:8787/',
      'http://127.0.0.1:8787/',
      'http://127.0.0.1.:8787/',
      'http://127.9.9.9:8787/',
      'http://2130706433:8787/',
      'http://0.0.0.0:8787/',
      'http://[::1]:8787/',
      'http://[::]:8787/',
      'http://[::ffff:127.0.0.1]:8787/',
      'http://[::ffff:7f00:1]:8787/',
    ])('is not called: %s', (url) => {
      expect(local.refusalOfUrl(url)).toMatch(/ leads back to this Tributary deployment/);
    });

    test('is not dialled through a name that resolves to it', async () => {
      expect(await local.refusalOf('http://relay.example:8787/')).toMatch(/^relay\.example leads back/);
      const dialled = new Promise((settle) => {
        local.lookupFor('http://relay.example:8787/')('relay.example', { all: true }, settle);
      });
      expect(await dialled).toBeInstanceOf(EgressRefusal);
    });

    test.each(['http://localhost:8788/', 'http://127.0.0.1:80/', 'http://[::1]:1/', 'http://relay.example:8788/'])(
      'is not another program on this machine: %s',
      async (url) => {
        expect(await local.refusalOf(url)).toBeUndefined();
      },
    );
  });
});

describe('a range that is allowed', () => {
  const policy = policyFor({ mayDial: createAddressFilter(['127.0.0.0/8', 'fd12::/16']), allowHttp: true });

  test.each([
    'http://127.0.0.1:8787/',
    'http://127.255.0.1/',
    'http://2130706433/',
    'http://[::ffff:127.0.0.1]/',
    'http://[fd12::9]/',
  ])('opens %s', async (url) => {
    expect(await policy.refusalOf(url)).toBeUndefined();
  });

  test.each([
    'http://10.0.0.1/',
    'http://169.254.169.254/',
    'http://[::1]/',
    'http://[fd13::9]/',
    'http://0.0.0.0/',
    // NAT64 translates only public addresses.
    'http://[64:ff9b::127.0.0.1]/',
    'http://[2002:7f00:1::]/',
    'http://[::127.0.0.1]/',
  ])('does not open %s', async (url) => {
    expect(await policy.refusalOf(url)).toMatch(/is not a public address$/);
  });

  test('opens names that resolve only into it, and no name that also resolves elsewhere', async () => {
    const options = { mayDial: createAddressFilter(['10.1.0.0/16']) };
    expect(
      await policyFor({ ...options, resolve: resolveTo('10.1.2.3') }).refusalOf('https://a.example/'),
    ).toBeUndefined();
    expect(
      await policyFor({ ...options, resolve: resolveTo('10.1.2.3', '10.2.0.1') }).refusalOf('https://a.example/'),
    ).toBeDefined();
  });

  test('of one address family opens no address of the other', () => {
    const ofIpv6 = policyFor({ mayDial: createAddressFilter(['::/0']) });
    expect(ofIpv6.refusalOfUrl('https://[::1]/')).toBeUndefined();
    expect(ofIpv6.refusalOfUrl('https://10.0.0.1/')).toBeDefined();
    expect(ofIpv6.refusalOfUrl('https://[::ffff:10.0.0.1]/')).toBeDefined();
    expect(policyFor({ mayDial: createAddressFilter(['0.0.0.0/0']) }).refusalOfUrl('https://[::1]/')).toBeDefined();
  });

  // A range without a prefix would be read as /0, which opens every address.
  test.each([
    '127.0.0.1',
    '127.0.0.1/',
    '127.0.0.1/x',
    '127.0.0.1/33',
    '::1/129',
    '10.0.0.0/8/8',
    'localhost/8',
    '/8',
    '',
  ])('fails when it is not in CIDR form: "%s"', (range) => {
    expect(() => policyFor({ mayDial: createAddressFilter([range]) })).toThrow(
      expect.objectContaining({ code: 'configuration-invalid' }),
    );
  });
});

describe('a name', () => {
  test('may be called when all of its addresses are public', async () => {
    const policy = policyFor({ resolve: resolveTo('93.184.216.34', '2606:4700::1111') });
    for (const url of ['https://public.example/hooks', 'https://public.example.', 'https://a_b.xn--9ca.example:8443/'])
      expect(await policy.refusalOf(url)).toBeUndefined();
  });

  test('that does not resolve yet may be subscribed, because every delivery resolves it again', async () => {
    const policy = policyFor({ resolve: resolveHostileNames });
    expect(await policy.refusalOf('https://absent.example/')).toBeUndefined();
    expect(await dial(policy, 'absent.example')).toMatchObject({ code: 'ENOTFOUND' });
  });

  test.each([true, false])(
    'fails when it is private at the time of the dial, even if it was public before (all: %s)',
    async (all) => {
      // The name rebinds: public when it is checked, private when it is dialled.
      const answers = ['93.184.216.34'];
      const policy = policyFor({ resolve: (...args) => resolveTo(answers.shift() ?? '127.0.0.1')(...args) });
      expect(await policy.refusalOf('https://rebinding.example/')).toBeUndefined();
      expect(await dial(policy, 'rebinding.example', all)).toBeInstanceOf(EgressRefusal);
    },
  );

  test.each([true, false])(
    'fails when any of its addresses is private, even when the caller wants only one (all: %s)',
    async (all) => {
      const policy = policyFor({ resolve: resolveTo('93.184.216.34', '10.0.0.1') });
      expect(await dial(policy, 'mixed.example', all)).toBeInstanceOf(EgressRefusal);
    },
  );

  test('is dialled at the addresses that it resolved to', async () => {
    const policy = policyFor({ resolve: resolveTo('93.184.216.34', '2606:4700::1111') });
    expect(await dial(policy, 'public.example', false)).toEqual(['93.184.216.34', 4]);
    expect(await dial(policy, 'public.example')).toEqual([
      [
        { address: '93.184.216.34', family: 4 },
        { address: '2606:4700::1111', family: 6 },
      ],
      undefined,
    ]);
  });
});
