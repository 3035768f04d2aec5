import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type AccessRules, createAccessGuard } from '../iam/access-guard.ts';
import { keyArn, kmsCalls } from '../iam/kms-calls.ts';
import { type JsonAnswer, type JsonRequest, refuse, startJsonServer } from './json-server.ts';
import { decryptUnder, encryptUnder, keyArnOf } from './key-ciphertext.ts';

/** The part of KMS that functions call: symmetric keys that encrypt data keys and short texts. */
export interface KeyService {
  readonly endpoint: string;
  /** Create keys with these ARNs. A key that exists stays as it is. */
  createKeys(arns: readonly string[]): void;
  /** Apply access rules; until then, every caller may do everything. */
  enforce(rules: AccessRules): void;
  stop(): Promise<void>;
}

/** Root key by ARN of the KMS key. */
type RootKeys = ReadonlyMap<string, Buffer>;

const rootKeyBytes = 32;

/** Start a key service on a free port of 127.0.0.1. Its root keys live as long as it does. */
export async function startKeyService(): Promise<KeyService> {
  const guard = createAccessGuard();
  const rootKeys = new Map<string, Buffer>();
  const server = await startJsonServer({
    guard,
    required: ({ target, body }) => kmsCalls(target, body, (text) => keyArnOf(Buffer.from(text, 'base64'))),
    carryOut: (request) => carryOut(request, rootKeys),
  });
  return {
    ...server,
    createKeys(arns) {
      for (const one of arns) if (!rootKeys.has(one)) rootKeys.set(one, randomBytes(rootKeyBytes));
    },
    enforce: (rules) => guard.enforce(rules),
  };
}

const keyId = z.string().min(1).max(2_048);
const context = z.record(z.string(), z.string()).default({});
const bytes = (maxBytes: number) =>
  z
    .base64()
    .transform((text) => Buffer.from(text, 'base64'))
    .refine(({ length }) => length >= 1 && length <= maxBytes, `must have 1 to ${maxBytes} bytes`);

/**
 * The parameters that the runner understands. Any other is a fault of the request.
 *
 * @see https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html
 */
const generateDataKeyInput = z
  .strictObject({
    KeyId: keyId,
    NumberOfBytes: z.int().min(1).max(1_024).optional(),
    KeySpec: z.enum(['AES_128', 'AES_256']).optional(),
    EncryptionContext: context,
  })
  .refine(
    ({ NumberOfBytes, KeySpec }) => (NumberOfBytes === undefined) !== (KeySpec === undefined),
    'Please specify either number of bytes or key spec.',
  );

/** @see https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html */
const encryptInput = z.strictObject({ KeyId: keyId, Plaintext: bytes(4_096), EncryptionContext: context });

/** @see https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html */
const decryptInput = z.strictObject({
  KeyId: keyId.optional(),
  CiphertextBlob: bytes(6_144),
  EncryptionContext: context,
});

function carryOut({ method, target, body }: JsonRequest, rootKeys: RootKeys): JsonAnswer {
  const operation = method === 'POST' ? operations[target] : undefined;
  return operation === undefined
    ? refuse('UnknownOperationException', `the local runner does not know ${method} ${target}`)
    : operation(body, rootKeys);
}

const operations: Readonly<Record<string, (body: unknown, rootKeys: RootKeys) => JsonAnswer>> = {
  'TrentService.GenerateDataKey': (body, rootKeys) => {
    const { data: input, error } = generateDataKeyInput.safeParse(body);
    if (input === undefined) return invalid(error);
    const length = input.NumberOfBytes ?? (input.KeySpec === 'AES_128' ? 16 : 32);
    const plain = randomBytes(length);
    return encrypted(input, plain, rootKeys, { Plaintext: plain.toString('base64') });
  },
  'TrentService.Encrypt': (body, rootKeys) => {
    const { data: input, error } = encryptInput.safeParse(body);
    if (input === undefined) return invalid(error);
    return encrypted(input, input.Plaintext, rootKeys, { EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
  },
  'TrentService.Decrypt': (body, rootKeys) => {
    const { data: input, error } = decryptInput.safeParse(body);
    if (input === undefined) return invalid(error);
    const { KeyId, CiphertextBlob, EncryptionContext } = input;
    const named = KeyId === undefined ? undefined : keyArn(KeyId);
    if (named !== undefined && !rootKeys.has(named)) return notFound(named);
    const key = keyArnOf(CiphertextBlob) ?? '';
    const rootKey = rootKeys.get(key);
    if (rootKey !== undefined && named !== undefined && named !== key)
      return refuse(
        'IncorrectKeyException',
        'The key ID in the request does not identify a CMK that can perform this operation.',
      );
    const plain = rootKey === undefined ? undefined : decryptUnder(rootKey, EncryptionContext, CiphertextBlob);
    if (plain === undefined)
      return refuse('InvalidCiphertextException', 'the ciphertext, its key or its encryption context does not match');
    return {
      status: 200,
      body: { KeyId: key, Plaintext: plain.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' },
    };
  },
};

function encrypted(
  { KeyId, EncryptionContext }: z.infer<typeof encryptInput> | z.infer<typeof generateDataKeyInput>,
  plain: Buffer,
  rootKeys: RootKeys,
  more: object,
): JsonAnswer {
  const key = keyArn(KeyId);
  const rootKey = rootKeys.get(key);
  if (rootKey === undefined) return notFound(key);
  const ciphertext = encryptUnder(rootKey, key, EncryptionContext, plain);
  return { status: 200, body: { KeyId: key, CiphertextBlob: ciphertext.toString('base64'), ...more } };
}

/** Names the parameter, not its value. */
function invalid(error: z.ZodError): JsonAnswer {
  const [issue] = error.issues;
  return refuse('ValidationException', `${issue?.path.join('.')}: ${issue?.message}`);
}

function notFound(key: string): JsonAnswer {
  return refuse('NotFoundException', `Key '${key}' does not exist`);
}
