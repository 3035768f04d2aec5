import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { EngineError } from '../../lambdas/contracts/engine-error.ts';
import type { CredentialCipher, CredentialContext } from '../../lambdas/ports/provider/credential-cipher.ts';

export interface InMemoryCredentialCipher extends CredentialCipher {
  /** From now on, the key service does not answer. */
  takeKeyAway(): void;
}

const algorithm = 'aes-256-gcm';
const [ivBytes, tagBytes] = [12, 16];

export function createInMemoryCredentialCipher(): InMemoryCredentialCipher {
  let key: Buffer | undefined = randomBytes(32);
  const keyOrThrow = () => {
    if (key === undefined)
      throw new EngineError('storage-unavailable', 'the key of credentials cannot be used', { retryable: true });
    return key;
  };
  return {
    takeKeyAway() {
      key = undefined;
    },
    async seal(plain, context) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv(algorithm, keyOrThrow(), iv).setAAD(boundTo(context));
      const encrypted = Buffer.concat([cipher.update(JSON.stringify(plain)), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), encrypted]).toString('base64');
    },
    async open(sealed, context) {
      const bytes = Buffer.from(sealed, 'base64');
      const encryptedAt = ivBytes + tagBytes;
      if (bytes.toString('base64') !== sealed || bytes.length <= encryptedAt) throw notSealed();
      const decipher = createDecipheriv(algorithm, keyOrThrow(), bytes.subarray(0, ivBytes))
        .setAAD(boundTo(context))
        .setAuthTag(bytes.subarray(ivBytes, encryptedAt));
      try {
        const plain = Buffer.concat([decipher.update(bytes.subarray(encryptedAt)), decipher.final()]);
        return JSON.parse(plain.toString('utf8')) as Readonly<Record<string, unknown>>;
      } catch {
        throw notSealed();
      }
    },
  };
}

function boundTo({ tenant, account }: CredentialContext): Buffer {
  return Buffer.from(JSON.stringify([tenant, account]));
}

function notSealed(): EngineError {
  return new EngineError('corrupt-state', 'the stored credentials were not sealed for this account', {
    retryable: false,
  });
}
