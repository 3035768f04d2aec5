import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Pairs that a caller must give again to decrypt. */
export type EncryptionContext = Readonly<Record<string, string>>;

const algorithm = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;
/** The length of the key's ARN, before the ARN. */
const lengthBytes = 2;

interface Parts {
  readonly keyArn: string;
  readonly iv: Buffer;
  readonly tag: Buffer;
  readonly encrypted: Buffer;
}

/** Like a ciphertext of KMS, it names its key, and its key and encryption context are authenticated. */
export function encryptUnder(rootKey: Buffer, keyArn: string, context: EncryptionContext, plain: Buffer): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, rootKey, iv);
  cipher.setAAD(boundTo(keyArn, context));
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  const name = Buffer.from(keyArn);
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt16BE(name.length);
  return Buffer.concat([length, name, iv, cipher.getAuthTag(), encrypted]);
}

/** @returns undefined when the root key, the encryption context or any byte of the ciphertext is another. */
export function decryptUnder(rootKey: Buffer, context: EncryptionContext, ciphertext: Buffer): Buffer | undefined {
  const parts = split(ciphertext);
  if (parts === undefined) return undefined;
  const decipher = createDecipheriv(algorithm, rootKey, parts.iv);
  decipher.setAAD(boundTo(parts.keyArn, context));
  decipher.setAuthTag(parts.tag);
  try {
    return Buffer.concat([decipher.update(parts.encrypted), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** @returns undefined when the bytes are no ciphertext of this emulator. */
export function keyArnOf(ciphertext: Buffer): string | undefined {
  return split(ciphertext)?.keyArn;
}

function split(ciphertext: Buffer): Parts | undefined {
  if (ciphertext.length < lengthBytes) return undefined;
  const ivAt = lengthBytes + ciphertext.readUInt16BE();
  const tagAt = ivAt + ivBytes;
  const encryptedAt = tagAt + tagBytes;
  if (ciphertext.length < encryptedAt) return undefined;
  return {
    keyArn: ciphertext.toString('utf8', lengthBytes, ivAt),
    iv: ciphertext.subarray(ivAt, tagAt),
    tag: ciphertext.subarray(tagAt, encryptedAt),
    encrypted: ciphertext.subarray(encryptedAt),
  };
}

/** Authenticated data; the order of the context's pairs does not matter. */
function boundTo(keyArn: string, context: EncryptionContext): Buffer {
  const pairs = Object.entries(context).sort(([one], [other]) => (one < other ? -1 : 1));
  return Buffer.from(JSON.stringify([keyArn, pairs]));
}
