import {
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  KMSClient,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KeyService, startKeyService } from '../../../../lib/local/emulators/key-service.ts';

const arnOf = (id: string) => `arn:aws:kms:us-east-1:000000000000:key/${id}`;
const key = arnOf('Stack-Key');
const other = arnOf('Stack-Other');
const plain = Buffer.from('läsa');
const EncryptionContext = { tenant: 'acme', account: 'acc_1' };

let service: KeyService;
let client: KMSClient;
beforeAll(async () => {
  service = await startKeyService();
  service.createKeys([key, other]);
  client = clientOf('local');
});
afterAll(async () => {
  client.destroy();
  await service.stop();
});

const clientOf = (accessKeyId: string) =>
  new KMSClient({
    endpoint: service.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey: 'x' },
    maxAttempts: 1,
  });

async function encrypt(KeyId = key, context: Record<string, string> = EncryptionContext): Promise<Uint8Array> {
  const { CiphertextBlob } = await client.send(
    new EncryptCommand({ KeyId, Plaintext: plain, EncryptionContext: context }),
  );
  return CiphertextBlob as Uint8Array;
}

const decrypt = (
  CiphertextBlob: Uint8Array,
  more: { KeyId?: string; EncryptionContext?: Record<string, string> } = {},
) => client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext, ...more }));

describe('the key service', () => {
  test.each([
    ['the ARN', key],
    ['the id', 'Stack-Key'],
  ])('encrypts and decrypts under a key that a request names by %s', async (_, KeyId) => {
    const encrypted = await client.send(new EncryptCommand({ KeyId, Plaintext: plain, EncryptionContext }));
    expect(encrypted).toMatchObject({ KeyId: key, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
    const decrypted = await decrypt(encrypted.CiphertextBlob as Uint8Array, { KeyId });
    expect(decrypted).toMatchObject({ KeyId: key, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
    expect(Buffer.from(decrypted.Plaintext as Uint8Array)).toEqual(plain);
  });

  test.each([
    [{ KeySpec: 'AES_256' }, 32],
    [{ KeySpec: 'AES_128' }, 16],
    [{ NumberOfBytes: 64 }, 64],
  ] as const)('generates a data key of %j, plain and encrypted', async (size, bytes) => {
    const generate = () => client.send(new GenerateDataKeyCommand({ KeyId: key, ...size, EncryptionContext }));
    const [one, another] = await Promise.all([generate(), generate()]);
    expect(one.KeyId).toBe(key);
    expect(one.Plaintext).toHaveLength(bytes);
    expect(one.Plaintext).not.toEqual(another.Plaintext);
    expect((await decrypt(one.CiphertextBlob as Uint8Array)).Plaintext).toEqual(one.Plaintext);
  });

  test('finds the key of a ciphertext, and ignores the order of the context', async () => {
    const ciphertext = await encrypt(other, { tenant: 'acme', account: 'acc_1' });
    const decrypted = await decrypt(ciphertext, { EncryptionContext: { account: 'acc_1', tenant: 'acme' } });
    expect(decrypted.KeyId).toBe(other);
  });

  test('keeps the root key of a key that is created again', async () => {
    const ciphertext = await encrypt();
    service.createKeys([key]);
    expect(Buffer.from((await decrypt(ciphertext)).Plaintext as Uint8Array)).toEqual(plain);
  });
});

describe('a request', () => {
  const invalidCiphertext = { name: 'InvalidCiphertextException', $metadata: { httpStatusCode: 400 } };

  test.each<[string, Record<string, string>]>([
    ['lacks a pair', { tenant: 'acme' }],
    ['has another value', { ...EncryptionContext, account: 'acc_2' }],
    ['has another pair', { ...EncryptionContext, purpose: 'credentials' }],
    ['exchanges its values', { tenant: 'acc_1', account: 'acme' }],
    ['is empty', {}],
  ])('fails when the encryption context %s', async (_, context) => {
    await expect(decrypt(await encrypt(), { EncryptionContext: context })).rejects.toMatchObject(invalidCiphertext);
  });

  test('fails when a bit of the ciphertext has changed, or a part is missing', async () => {
    const ciphertext = Buffer.from(await encrypt());
    const tampered = [
      ...ciphertext.keys().map((at) => Buffer.from(ciphertext.map((byte, index) => (index === at ? byte ^ 1 : byte)))),
      ...ciphertext
        .keys()
        .map((length) => ciphertext.subarray(0, length))
        .drop(1),
      Buffer.concat([ciphertext, Buffer.alloc(1)]),
    ];
    const results = await Promise.allSettled(tampered.map((one) => decrypt(one)));
    const refused = {
      status: 'rejected',
      reason: expect.objectContaining({ name: invalidCiphertext.name }) as unknown,
    };
    for (const [index, result] of results.entries()) expect(result, `${index}`).toEqual(refused);
  });

  test('fails when it names another key than that of the ciphertext', async () => {
    await expect(decrypt(await encrypt(), { KeyId: other })).rejects.toMatchObject({ name: 'IncorrectKeyException' });
  });

  test('fails when the ciphertext is of another key service', async () => {
    const ciphertext = await encrypt();
    const another = await startKeyService();
    another.createKeys([key]);
    const stranger = new KMSClient({
      endpoint: another.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'x' },
    });
    await expect(
      stranger.send(new DecryptCommand({ CiphertextBlob: ciphertext, EncryptionContext })),
    ).rejects.toMatchObject(invalidCiphertext);
    stranger.destroy();
    await another.stop();
  });

  test.each([arnOf('Absent'), 'Absent', 'alias/absent'])('fails when there is no key %s', async (KeyId) => {
    const notFound = { name: 'NotFoundException', $metadata: { httpStatusCode: 400 } };
    const generate = client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }));
    await expect(generate).rejects.toMatchObject(notFound);
    await expect(encrypt(KeyId)).rejects.toMatchObject(notFound);
    await expect(decrypt(await encrypt(), { KeyId })).rejects.toMatchObject(notFound);
  });

  test('fails when a parameter is missing, out of range or unknown', async () => {
    const invalid = { name: 'ValidationException' };
    for (const input of [
      { KeyId: key },
      { KeyId: key, KeySpec: 'AES_256', NumberOfBytes: 32 },
      { KeyId: key, NumberOfBytes: 1_025 },
      { KeyId: '', NumberOfBytes: 32 },
      { KeyId: key, NumberOfBytes: 32, DryRun: true },
    ] as const)
      await expect(client.send(new GenerateDataKeyCommand(input))).rejects.toMatchObject(invalid);
    for (const Plaintext of [Buffer.alloc(0), Buffer.alloc(4_097)])
      await expect(client.send(new EncryptCommand({ KeyId: key, Plaintext }))).rejects.toMatchObject(invalid);
    await expect(decrypt(Buffer.alloc(0))).rejects.toMatchObject(invalid);
  });

  test('fails when the operation is unknown', async () => {
    const unknown = { name: 'UnknownOperationException' };
    await expect(client.send(new DescribeKeyCommand({ KeyId: key }))).rejects.toMatchObject(unknown);
    expect((await fetch(service.endpoint)).status).toBe(400);
  });
});

describe('a caller', () => {
  test('fails when its role does not allow the operation on the key, or it is unknown', async () => {
    const arn = 'arn:aws:sts::000000000000:assumed-role/Role/F';
    const allow = (action: string, resource: string) =>
      ({ effect: 'Allow', actions: [action], resources: [resource] }) as const;
    const statements = [allow('kms:Encrypt', key), allow('kms:Decrypt', other)];
    service.enforce({
      ownAccessKeyId: 'local',
      callers: [{ accessKeyId: 'ASIAF', arn, statements }],
      keyByResource: {},
    });
    const caller = clientOf('ASIAF');
    const stranger = clientOf('AKIANOBODY');
    await caller.send(new EncryptCommand({ KeyId: 'Stack-Key', Plaintext: plain }));
    await caller.send(new DecryptCommand({ CiphertextBlob: await encrypt(other), EncryptionContext }));
    const denied = (action: string, resource: string) => ({
      name: 'AccessDeniedException',
      message: expect.stringContaining(
        `${arn} is not authorized to perform: ${action} on resource: ${resource} `,
      ) as string,
    });
    const dataKey = new GenerateDataKeyCommand({ KeyId: key, KeySpec: 'AES_256' });
    await expect(caller.send(dataKey)).rejects.toMatchObject(denied('kms:GenerateDataKey', key));
    await expect(
      caller.send(new DecryptCommand({ CiphertextBlob: await encrypt(), EncryptionContext })),
    ).rejects.toMatchObject(denied('kms:Decrypt', key));
    await expect(stranger.send(dataKey)).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
    for (const one of [caller, stranger]) one.destroy();
  });
});
