import { buildDecrypt } from '@aws-crypto/decrypt-node';
import { buildEncrypt } from '@aws-crypto/encrypt-node';
import { type AwsEsdkKMSInterface, KmsKeyringClass } from '@aws-crypto/kms-keyring';
import {
  AlgorithmSuiteIdentifier,
  CommitmentPolicy,
  immutableClass,
  KeyringNode,
  type Newable,
  type NodeAlgorithmSuite,
} from '@aws-crypto/material-management-node';
import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { clientSettings, lean } from './client-settings.ts';

/** Pairs that are stored readable with the encrypted text, and authenticated. */
type EncryptionContext = Readonly<Record<string, string>>;

/** KMS did not do its part. `error` is the name of its error. */
interface Unavailable {
  readonly kind: 'unavailable';
  readonly error: string;
}

interface Envelopes {
  encrypt(
    plain: Buffer,
    context: EncryptionContext,
  ): Promise<{ readonly kind: 'encrypted'; readonly text: Buffer } | Unavailable>;
  /** `refused`: the text was not encrypted under this key, or has changed since. */
  decrypt(
    text: Buffer,
  ): Promise<
    | { readonly kind: 'decrypted'; readonly plain: Buffer; readonly context: EncryptionContext }
    | { readonly kind: 'refused' }
    | Unavailable
  >;
}

/**
 * The keyring of `@aws-crypto/client-node`, as its package defines it. That package also loads a keyring with a store in
 * DynamoDB, and with it the whole client of DynamoDB: into each function that opens credentials, before its first event.
 *
 * @see https://github.com/aws/aws-encryption-sdk-javascript/blob/master/modules/kms-keyring-node/src/kms_keyring_node.ts
 */
class KmsKeyring extends KmsKeyringClass<NodeAlgorithmSuite, AwsEsdkKMSInterface>(
  KeyringNode as Newable<KeyringNode>,
) {}
immutableClass(KmsKeyring);

const suiteId = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;

/** KMS rejects the ciphertext, and would reject it again. After any other error, a later try may succeed. */
const finalErrors: ReadonlySet<string> = new Set([
  'IncorrectKeyException',
  'InvalidCiphertextException',
  // The key of the request is valid, so its ciphertext or its encryption context is not.
  'ValidationException',
]);

/**
 * Envelope encryption with the AWS Encryption SDK: each text has its own data key, encrypted under one KMS key. To
 * encrypt or decrypt costs one KMS request. Decryption ignores bytes after the end of a text, which change nothing.
 *
 * No outcome quotes a message: those of the SDK may quote a data key.
 *
 * @see https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/concepts.html#key-commitment
 */
export function createKmsEnvelopes(keyArn: string): Envelopes {
  const options = { commitmentPolicy: CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, maxEncryptedDataKeys: 1 };
  const { encrypt } = buildEncrypt(options);
  const { decrypt } = buildDecrypt(options);
  const client = lean(new KMSClient(clientSettings));
  return {
    async encrypt(plain, context) {
      const { keyring, failure } = createKeyring(client, keyArn);
      try {
        const { result } = await encrypt(keyring, plain, { suiteId, encryptionContext: context });
        return { kind: 'encrypted', text: result };
      } catch {
        return { kind: 'unavailable', error: failure() ?? 'unknown' };
      }
    },
    async decrypt(text) {
      const { keyring, failure } = createKeyring(client, keyArn);
      try {
        const { plaintext, messageHeader } = await decrypt(keyring, text);
        return { kind: 'decrypted', plain: plaintext, context: { ...messageHeader.encryptionContext } };
      } catch {
        const error = failure();
        return error === undefined || finalErrors.has(error) ? { kind: 'refused' } : { kind: 'unavailable', error };
      }
    },
  };
}

/** What the library expects of an answer; it checks the rest. */
type Whole<Answer> = { readonly [Name in keyof Answer]-?: Exclude<Answer[Name], undefined> };

/**
 * A keyring for one operation.
 *
 * @returns Also `failure`: the name of the error of the KMS request, which the library's own error hides; undefined when
 *   there was no request, or it succeeded.
 */
function createKeyring(client: KMSClient, keyArn: string) {
  let failure: string | undefined;
  const whole = async <Answer extends { readonly KeyId?: string | undefined; readonly Plaintext?: unknown }>(
    sent: Promise<Answer>,
  ) => {
    try {
      const answer = await sent;
      // The library would report such an answer like a text that has changed.
      if (answer.KeyId !== keyArn || answer.Plaintext === undefined) throw new Error('KMS answered without a data key');
      return answer as Whole<Answer>;
    } catch (error) {
      failure = error instanceof Error ? error.name : 'unknown';
      throw error;
    }
  };
  const keyring = new KmsKeyring({
    generatorKeyId: keyArn,
    clientProvider: () => ({
      generateDataKey: (input) => whole(client.send(new GenerateDataKeyCommand(input))),
      decrypt: (input) => whole(client.send(new DecryptCommand(input))),
      encrypt: () => Promise.reject(new Error('a keyring of one key encrypts no data key a second time')),
    }),
  });
  return { keyring, failure: () => failure };
}
