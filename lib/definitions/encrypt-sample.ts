import { constants, createCipheriv, createHash, createHmac, createPublicKey, publicEncrypt } from 'node:crypto';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { parseSource, readPath } from '../../lambdas/engine/template/template.ts';
import { templateInput } from './checks-for-request.ts';
import type { SigningKeys } from './make-keys.ts';

/** Encrypt the items of a sample: the sample has plain JSON in the place of the ciphertext's members. */
export function encryptItems(
  definition: WebhookDefinition,
  request: WebhookRequest,
  keys: SigningKeys,
): WebhookRequest {
  const { decrypt } = definition.webhook;
  const source = decrypt === undefined ? undefined : parseSource(decrypt.items);
  if (decrypt === undefined || source?.from !== 'json') return request;
  const body = templateInput(definition, request).decoded;
  const items = readPath(body, source.path);
  if (!Array.isArray(items)) return request;
  const publicKey = createPublicKey(keys.secrets[decrypt.key.secret] ?? '');
  for (const item of items as Record<string, unknown>[]) {
    const plain = item[decrypt.from];
    if (typeof plain !== 'object' || plain === null) continue;
    // Encryption is deterministic, so that signing a sample twice gives the same request.
    const symmetric = createHash('sha256').update(JSON.stringify(plain)).digest();
    const cipher = createCipheriv('aes-256-cbc', symmetric, symmetric.subarray(0, 16));
    const content = Buffer.concat([cipher.update(JSON.stringify(plain)), cipher.final()]);
    const wrapped = publicEncrypt(
      { key: publicKey, padding: constants.RSA_NO_PADDING },
      padOaep(symmetric, (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8),
    );
    item[decrypt.from] = {
      [decrypt.content]: content.toString('base64'),
      [decrypt.signature]: createHmac('sha256', symmetric).update(content).digest('base64'),
      [decrypt.key.from]: wrapped.toString('base64'),
    };
  }
  return { ...request, body: Buffer.from(JSON.stringify(body)) };
}

/**
 * OAEP padding with SHA-1 and a seed derived from the message, because Node's padding draws a random seed.
 *
 * @param size - Bytes of the modulus.
 * @see https://www.rfc-editor.org/rfc/rfc8017#section-7.1.1
 */
function padOaep(message: Buffer, size: number): Buffer {
  const sha1 = (...parts: readonly Buffer[]) => createHash('sha1').update(Buffer.concat(parts)).digest();
  const seed = sha1(message);
  const label = sha1();
  const zeros = Buffer.alloc(size - message.length - 2 * label.length - 2);
  const block = Buffer.concat([label, zeros, Buffer.from([1]), message]);
  const mask = (text: Buffer, from: Buffer): Buffer => {
    const hashes = Array.from({ length: Math.ceil(text.length / label.length) }, (_, counter) =>
      sha1(from, Buffer.from([0, 0, 0, counter])),
    );
    const bits = Buffer.concat(hashes);
    return text.map((byte, at) => byte ^ (bits[at] ?? 0)) as Buffer;
  };
  const masked = mask(block, seed);
  return Buffer.concat([Buffer.from([0]), mask(seed, masked), masked]);
}
