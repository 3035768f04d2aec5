import { createHash } from 'node:crypto';
import type * as S3 from '@aws-sdk/client-s3';
import { EngineError } from '../../contracts/engine-error.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { RawArchive, RawArchiveReader } from '../../ports/events/raw-archive.ts';
import { readArchiveObject, writeArchiveObject } from './archive-object.ts';
import { clientSettings, lean } from './client-settings.ts';

/** Not a prefix of bodies: account ids begin with a letter or digit, and bodies of shared URLs with one underscore. */
const prefix = '__requests/';
/** Hexadecimal digits: enough that two different batches never have the same digest. */
const digestLength = 32;
const pageSize = 500;
const msPerHour = 3_600_000;

/**
 * Objects by the time of their requests: `__requests/<earliest>_<latest>_<digest of their ids>.json.gz`, times as
 * `20261129T013812123Z`. All requests of an object are of one hour, so a window begins with the first object of its
 * hour. A retried batch has the same key.
 *
 * @param bodies - Claim store of the raw bucket.
 */
export function createS3RawArchive(bodies: ClaimStore): RawArchive {
  return {
    async put(requests, retentionDays) {
      const times = requests.map(({ message }) => timeOf(Date.parse(message.receivedAt))).sort();
      const ids = requests.map(({ message }) => message.rawId).sort();
      const digest = createHash('sha256').update(JSON.stringify(ids)).digest('hex').slice(0, digestLength);
      const key = `${prefix}${times[0]}_${times.at(-1)}_${digest}.json.gz`;
      await bodies.put(key, await writeArchiveObject(requests), 'application/gzip', retentionDays);
    },
  };
}

export function createS3RawArchiveReader(bucket: string, bodies: ClaimStore): RawArchiveReader {
  let loading: Promise<{ readonly sdk: typeof S3; readonly client: S3.S3Client }> | undefined;
  // Loaded on first use: very few API calls need it.
  const load = () => {
    loading ??= import('@aws-sdk/client-s3').then((sdk) => ({
      sdk,
      client: lean(new sdk.S3Client({ ...clientSettings, forcePathStyle: true })),
    }));
    return loading;
  };
  return {
    async list(sinceMs, untilMs, after, reachMs = msPerHour) {
      const { sdk, client } = await load();
      const since = timeOf(sinceMs);
      const until = timeOf(untilMs);
      const hour = Math.floor(sinceMs / msPerHour) * msPerHour;
      const first = `${prefix}${timeOf(Math.max(hour, sinceMs - reachMs))}`;
      const { Contents = [], IsTruncated } = await client.send(
        new sdk.ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          StartAfter: after === undefined || after < first ? first : after,
          MaxKeys: pageSize,
        }),
      );
      const keys = Contents.map(({ Key = '' }) => Key);
      const [earliest, latest] = [0, 1].map((at) => (key: string) => key.slice(prefix.length).split('_')[at] ?? '') as [
        (key: string) => string,
        (key: string) => string,
      ];
      const last = keys.at(-1);
      const isOver = last === undefined || earliest(last) >= until;
      return {
        items: keys.filter((key) => earliest(key) < until && latest(key) >= since),
        next: IsTruncated === true && !isOver ? last : undefined,
      };
    },
    async bodyOf({ body }) {
      return body.kind === 'claim' ? bodies.get(body.key) : Buffer.from(body.content, body.encoding);
    },
    async read(object) {
      let content: Buffer;
      try {
        content = await bodies.get(object);
      } catch (error) {
        if (error instanceof EngineError && error.code === 'corrupt-state') return undefined;
        throw error;
      }
      return readArchiveObject(content);
    },
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:.]/g, '');
}
