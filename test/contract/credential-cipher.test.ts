import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createKmsCredentialCipher } from '../../lambdas/adapters/aws/kms-credential-cipher.ts';
import type { CredentialCipher } from '../../lambdas/ports/provider/credential-cipher.ts';
import { startKeyService } from '../../lib/local/emulators/key-service.ts';
import { createInMemoryCredentialCipher } from '../fakes/in-memory-credential-cipher.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { awsConfig } from './emulated-aws.ts';

const keyArn = 'arn:aws:kms:us-east-1:000000000000:key/Credentials';
const otherKeyArn = 'arn:aws:kms:us-east-1:000000000000:key/Other';

interface Opened {
  readonly cipher: CredentialCipher;
  /** From now on, the key service does not answer. */
  readonly takeKeyAway: () => unknown;
}

async function openKms() {
  const clock = createManualClock();
  const service = await startKeyService();
  onTestFinished(() => service.stop());
  service.createKeys([keyArn, otherKeyArn]);
  // The adapter creates its own client on first use, with settings from the environment.
  vi.stubEnv('AWS_ENDPOINT_URL_KMS', service.endpoint);
  vi.stubEnv('AWS_REGION', awsConfig.region);
  vi.stubEnv('AWS_ACCESS_KEY_ID', awsConfig.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', awsConfig.credentials.secretAccessKey);
  return { service, cipher: createKmsCredentialCipher(keyArn, clock), clock, takeKeyAway: () => service.stop() };
}

const implementations: readonly (readonly [string, () => Promise<Opened>])[] = [
  [
    'the fake',
    async () => {
      const cipher = createInMemoryCredentialCipher();
      return { cipher, takeKeyAway: () => cipher.takeKeyAway() };
    },
  ],
  ['KMS', openKms],
];

const context = { tenant: 'acme', account: 'acc_1' };
const plain = {
  access_token: 'the-secret-token',
  expires_in: 3_600,
  scopes: ['läsa', '書く'],
  nested: { refresh: null },
};
const corrupt = { name: 'EngineError', code: 'corrupt-state', retryable: false };
const unavailable = { name: 'EngineError', code: 'storage-unavailable', retryable: true };

describe.each(implementations)('credential cipher on %s', (_, open) => {
  test('opens what it sealed, and seals no two texts alike', async () => {
    const { cipher } = await open();
    const sealed = await Promise.all([plain, plain, {}].map((one) => cipher.seal(one, context)));
    expect(await Promise.all(sealed.map((one) => cipher.open(one, context)))).toEqual([plain, plain, {}]);
    expect(new Set(sealed).size).toBe(3);
    expect(sealed[0]).toMatch(/^[A-Za-z0-9+/]+=*$/);
    expect(Buffer.from(sealed[0] ?? '', 'base64').toString('latin1')).not.toContain('the-secret-token');
  });

  test('opens credentials of 100 KB', async () => {
    const { cipher } = await open();
    const large = { certificate: 'x'.repeat(100_000) };
    expect(await cipher.open(await cipher.seal(large, context), context)).toEqual(large);
  });

  test('seals and opens a hundred texts concurrently', async () => {
    const { cipher } = await open();
    const numbers = Array.from({ length: 100 }, (_, number) => number);
    const contextOf = (number: number) => ({ tenant: `t${number % 3}`, account: `acc_${number}` });
    const sealed = await Promise.all(numbers.map((number) => cipher.seal({ number }, contextOf(number))));
    const opened = await Promise.all(sealed.map((one, number) => cipher.open(one, contextOf(number))));
    expect(opened).toEqual(numbers.map((number) => ({ number })));
  });

  test.each([
    ['another tenant', { tenant: 'other', account: 'acc_1' }],
    ['another account', { tenant: 'acme', account: 'acc_2' }],
    ['a tenant and an account that exchanged their names', { tenant: 'acc_1', account: 'acme' }],
    ['names that are the same when joined', { tenant: 'acmea', account: 'cc_1' }],
  ])('fails when it opens credentials for %s', async (_, other) => {
    const { cipher } = await open();
    const sealed = await cipher.seal(plain, context);
    await expect(cipher.open(sealed, other)).rejects.toMatchObject(corrupt);
  });

  test('fails when a bit of the text has changed, or its end is missing', async () => {
    const { cipher } = await open();
    const sealed = Buffer.from(await cipher.seal(plain, context), 'base64');
    const tampered = [
      ...sealed
        .keys()
        .map((at) => Buffer.from(sealed.map((byte, index) => (index === at ? byte ^ (1 << (at % 8)) : byte)))),
      ...sealed.keys().map((length) => sealed.subarray(0, length)),
    ].map((bytes) => bytes.toString('base64'));
    // One after the other: hundreds at once would wait for the emulated key service beyond its time.
    for (const [index, text] of tampered.entries())
      await expect(cipher.open(text, context), `${index}`).rejects.toMatchObject(corrupt);
  });

  test.each(['', 'x', 'plain text', 'AAAA', '{"access_token":"a"}'])('fails when it opens %j', async (text) => {
    const { cipher } = await open();
    await expect(cipher.open(text, context)).rejects.toMatchObject(corrupt);
  });

  test('fails when the text has characters outside Base64', async () => {
    const { cipher } = await open();
    const sealed = await cipher.seal(plain, context);
    for (const text of [`${sealed}\n`, ` ${sealed}`, `${sealed.slice(0, 8)}-${sealed.slice(8)}`])
      await expect(cipher.open(text, context)).rejects.toMatchObject(corrupt);
  });

  test('fails when the key service does not answer', async () => {
    const { cipher, takeKeyAway } = await open();
    const sealed = await cipher.seal(plain, context);
    await takeKeyAway();
    await expect(cipher.seal(plain, context)).rejects.toMatchObject(unavailable);
    await expect(cipher.open(sealed, context)).rejects.toMatchObject(unavailable);
  });

  test('fails without quoting credentials or their text in the error', async () => {
    const { cipher, takeKeyAway } = await open();
    const sealed = await cipher.seal(plain, context);
    const errors: unknown[] = [];
    const keep = (error: unknown) => void errors.push(error);
    await cipher.open(sealed, { ...context, tenant: 'other' }).catch(keep);
    await cipher.open(sealed.slice(0, -8), context).catch(keep);
    await takeKeyAway();
    await cipher.open(sealed, context).catch(keep);
    await cipher.seal(plain, context).catch(keep);
    expect(errors).toHaveLength(4);
    const shown = inspect(errors, { depth: null, showHidden: true });
    for (const secret of ['the-secret-token', sealed.slice(0, 16), sealed.slice(-16)])
      expect(shown).not.toContain(secret);
  });
});

describe('credential cipher on KMS', () => {
  const rulesOf = (...actions: string[]) => ({
    ownAccessKeyId: 'the runner',
    callers: [
      {
        accessKeyId: awsConfig.credentials.accessKeyId,
        arn: 'arn:aws:sts::000000000000:assumed-role/Role/F',
        statements: [{ effect: 'Allow' as const, actions, resources: [keyArn] }],
      },
    ],
    keyByResource: {},
  });

  test('needs permission to generate data keys to seal, and to decrypt to open', async () => {
    const { service, cipher } = await openKms();
    service.enforce(rulesOf('kms:GenerateDataKey'));
    const sealed = await cipher.seal(plain, context);
    await expect(cipher.open(sealed, context)).rejects.toMatchObject(unavailable);
    service.enforce(rulesOf('kms:Decrypt'));
    expect(await cipher.open(sealed, context)).toEqual(plain);
    await expect(cipher.seal(plain, context)).rejects.toMatchObject({
      ...unavailable,
      message: 'the key of credentials cannot be used: AccessDeniedException',
    });
  });

  test('fails when the text was sealed under another key', async () => {
    const { cipher } = await openKms();
    const sealed = await createKmsCredentialCipher(otherKeyArn, createManualClock()).seal(plain, context);
    await expect(cipher.open(sealed, context)).rejects.toMatchObject(corrupt);
  });

  test('keeps what it opened for a minute, for its account alone', async () => {
    const { cipher, clock, takeKeyAway } = await openKms();
    const sealed = await cipher.seal(plain, context);
    await cipher.open(sealed, context);
    await takeKeyAway();
    clock.advance(59_999);
    expect(await cipher.open(sealed, context)).toEqual(plain);
    await expect(cipher.open(sealed, { ...context, account: 'acc_2' })).rejects.toMatchObject(unavailable);
    clock.advance(1);
    await expect(cipher.open(sealed, context)).rejects.toMatchObject(unavailable);
  });

  test('fails when the key does not exist', async () => {
    await openKms();
    const cipher = createKmsCredentialCipher(`${keyArn}Gone`, createManualClock());
    await expect(cipher.seal(plain, context)).rejects.toMatchObject(unavailable);
  });

  test.each([
    ['throttles', 400, { __type: 'ThrottlingException', message: 'Rate exceeded' }],
    ['has an internal error', 500, { __type: 'KMSInternalException' }],
    ['answers without a data key', 200, { KeyId: keyArn }],
    ['answers for another key', 200, { KeyId: otherKeyArn, Plaintext: 'AAAA', CiphertextBlob: 'AAAA' }],
  ])('fails when the key service %s', async (_, status, body) => {
    const { cipher } = await openKms();
    const sealed = await cipher.seal(plain, context);
    const server = createServer((_, response) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    vi.stubEnv('AWS_ENDPOINT_URL_KMS', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const failing = createKmsCredentialCipher(keyArn, createManualClock());
    await expect(failing.seal(plain, context)).rejects.toMatchObject(unavailable);
    await expect(failing.open(sealed, context)).rejects.toMatchObject(unavailable);
  });
});
