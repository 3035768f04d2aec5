import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync, gunzip, gzip, gzipSync, inflateRawSync } from 'node:zlib';
import { EngineError } from '../../contracts/engine-error.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import type { ArchivableRequest, ArchivedPart, ArchiveOwner } from '../../ports/events/raw-archive.ts';

/*
 * One object of the raw archive: gzip of JSON. It holds requests of many tenants, and cannot be changed while it is
 * locked. So requests of accounts are encrypted with a content key, which is wrapped with the key in each owner's row:
 * without that row, nothing can decrypt them.
 */

const format = 1;
const cipher = 'aes-256-gcm';
const saltBytes = 32;
const tagBytes = 16;
/** A constant nonce is safe because each key encrypts only one text. */
const nonce = Buffer.alloc(12);

interface Seal {
  readonly account: string;
  readonly createdAt: string;
  /** Salt and wrapped key. */
  readonly key: string;
}

interface Part {
  readonly integration: string;
  readonly count: number;
  /** Absent where the requests are not sealed. */
  readonly seals?: readonly Seal[];
  readonly sealed?: string;
  readonly requests?: readonly RawMessage[];
}

/** Characters that are compressed at once: another thread costs more than it saves. */
const maxSyncChars = 64 * 1024;
const deflateLong = promisify<string, Buffer>(deflateRaw);
const gzipLong = promisify<string, Buffer>(gzip);
const deflateText = async (text: string) => (text.length > maxSyncChars ? deflateLong(text) : deflateRawSync(text));
const gzipText = async (text: string) => (text.length > maxSyncChars ? gzipLong(text) : gzipSync(text));
const gunzipBytes = promisify<Buffer, Buffer>(gunzip);

export async function writeArchiveObject(requests: readonly ArchivableRequest[]): Promise<Buffer> {
  // Requests with the same owners, in the same order, share a key.
  const alike = Map.groupBy(requests, ({ message, owners }) =>
    JSON.stringify([message.integration, owners.map(({ account, createdAt }) => [account, createdAt])]),
  );
  const parts = await Promise.all([...alike.values()].map(toPart));
  return gzipText(JSON.stringify({ format, parts }));
}

async function toPart(requests: readonly ArchivableRequest[]): Promise<Part> {
  const [{ message, owners }] = requests as readonly [ArchivableRequest];
  const { integration } = message;
  const messages = requests.map((request) => request.message);
  const count = messages.length;
  if (owners.length === 0) return { integration, count, requests: messages };
  const contentKey = randomBytes(32);
  const text = await deflateText(JSON.stringify(messages));
  return {
    integration,
    count,
    seals: owners.map(({ account, createdAt, key }) => {
      const salt = randomBytes(saltBytes);
      const wrapped = encrypt(wrappingKey(key, salt), contentKey, nameOf({ account, createdAt }));
      return { account, createdAt, key: Buffer.concat([salt, wrapped]).toString('base64') };
    }),
    sealed: encrypt(contentKey, text, integration).toString('base64'),
  };
}

/** @throws {EngineError} `corrupt-state` */
export async function readArchiveObject(object: Buffer): Promise<readonly ArchivedPart[]> {
  try {
    const content = JSON.parse((await gunzipBytes(object)).toString('utf8')) as {
      readonly format: number;
      readonly parts: readonly Part[];
    };
    if (content.format !== format) throw new Error(`format ${content.format}`);
    return content.parts.map(toArchivedPart);
  } catch (error) {
    throw new EngineError('corrupt-state', 'an object of the raw archive cannot be read', {
      retryable: false,
      cause: error,
    });
  }
}

function toArchivedPart({ integration, count, seals = [], sealed = '', requests = [] }: Part): ArchivedPart {
  return {
    integration,
    count,
    owners: seals.map(({ account, createdAt }) => ({ account, createdAt })),
    open(owner) {
      if (seals.length === 0) return requests;
      const seal = seals.find(({ account, createdAt }) => account === owner?.account && createdAt === owner.createdAt);
      if (seal === undefined || owner === undefined) return undefined;
      const key = unwrap(seal, owner);
      if (key === undefined) return undefined;
      const text = decrypt(key, Buffer.from(sealed, 'base64'), integration);
      return text === undefined ? undefined : (JSON.parse(inflateRawSync(text).toString('utf8')) as RawMessage[]);
    },
  };
}

function unwrap(seal: Seal, { key }: ArchiveOwner): Buffer | undefined {
  const bytes = Buffer.from(seal.key, 'base64');
  return decrypt(wrappingKey(key, bytes.subarray(0, saltBytes)), bytes.subarray(saltBytes), nameOf(seal));
}

function wrappingKey(key: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', Buffer.from(key, 'base64'), salt, 'raw archive', 32));
}

function nameOf({ account, createdAt }: Pick<Seal, 'account' | 'createdAt'>): string {
  return JSON.stringify([account, createdAt]);
}

function encrypt(key: Buffer, content: Buffer, context: string): Buffer {
  const encryption = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(context));
  const encrypted = Buffer.concat([encryption.update(content), encryption.final()]);
  return Buffer.concat([encryption.getAuthTag(), encrypted]);
}

/** @returns Undefined where the key does not match. */
function decrypt(key: Buffer, bytes: Buffer, context: string): Buffer | undefined {
  try {
    const decryption = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(0, tagBytes));
    return Buffer.concat([decryption.update(bytes.subarray(tagBytes)), decryption.final()]);
  } catch {
    return undefined;
  }
}
