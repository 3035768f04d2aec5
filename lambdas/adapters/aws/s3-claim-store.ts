import type * as S3 from '@aws-sdk/client-s3';
import { EngineError } from '../../contracts/engine-error.ts';
import { retentionClassOf, retentionTag } from '../../contracts/retention-classes.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { clientSettings, lean } from './client-settings.ts';

const msPerDay = 86_400_000;
/** Only the erasure of a tenant may bypass this mode. */
const lockMode = 'GOVERNANCE' as const;

/**
 * Claims in one bucket. The client is loaded with the first claim, because most events never need it.
 *
 * A claim with its own retention is tagged with the bucket rule that deletes it.
 *
 * @param lock - Present where the bucket locks its objects (Object Lock): a claim with its own retention is locked for
 *   that time.
 */
export function createS3ClaimStore(bucket: string, lock?: { readonly clock: Clock }): ClaimStore {
  let loading: Promise<{ readonly sdk: typeof S3; readonly client: S3.S3Client }> | undefined;
  const load = () => {
    loading ??= import('@aws-sdk/client-s3').then((sdk) => ({
      sdk,
      // Virtual-hosted style needs DNS for each bucket; path style works wherever the endpoint does.
      client: lean(new sdk.S3Client({ ...clientSettings, forcePathStyle: true })),
    }));
    return loading;
  };
  const retained = (days: number | undefined) => {
    if (days === undefined) return {};
    const classDays = retentionClassOf(days);
    return {
      ...(classDays === undefined ? {} : { Tagging: `${retentionTag}=${classDays}` }),
      ...(lock === undefined
        ? {}
        : {
            ObjectLockMode: lockMode,
            ObjectLockRetainUntilDate: new Date(lock.clock.nowMs() + days * msPerDay),
          }),
    };
  };
  return {
    async put(key, content, contentType, retentionDays) {
      const { sdk, client } = await load();
      await client.send(
        new sdk.PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: content,
          ContentType: contentType,
          ...retained(retentionDays),
        }),
      );
    },
    async get(key) {
      const { sdk, client } = await load();
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key }));
        return Buffer.from((await Body?.transformToByteArray()) ?? []);
      } catch (error) {
        if (error instanceof sdk.NoSuchKey)
          throw new EngineError('corrupt-state', 'a claimed payload is gone', { retryable: false, cause: error });
        throw error;
      }
    },
  };
}
