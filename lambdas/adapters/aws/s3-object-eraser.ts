import { DeleteObjectsCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import { EngineError } from '../../contracts/engine-error.ts';
import type { ObjectEraser } from '../../ports/tenants/tenant-erasers.ts';
import type { Erasable } from '../../ports/tenants/tenant-store.ts';
import { chunks } from '../dynamo/rows/chunks.ts';
import { clientSettings, lean } from './client-settings.ts';

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const maxDeleted = 1_000;
/** Objects on one page: each is recorded before it is removed. */
const pageSize = 200;

interface Version {
  readonly Key: string;
  readonly VersionId: string;
}

/**
 * Erases objects by the prefix of their keys: every version, and every delete marker. A bucket without versioning lists
 * each object as the version `null`.
 *
 * @param isLocked - Whether the bucket locks its objects (governance mode): the eraser bypasses the lock.
 */
export function createS3ObjectEraser(bucket: string, isLocked: boolean): ObjectEraser {
  const client = lean(new S3Client({ ...clientSettings, forcePathStyle: true }));
  async function list(prefix: string, after: string | undefined) {
    const [KeyMarker, VersionIdMarker] = after === undefined ? [] : (JSON.parse(after) as [string, string?]);
    const answer = await client.send(
      new ListObjectVersionsCommand({
        Bucket: bucket,
        Prefix: prefix,
        MaxKeys: pageSize,
        ...(KeyMarker === undefined ? {} : { KeyMarker }),
        ...(VersionIdMarker === undefined ? {} : { VersionIdMarker }),
      }),
    );
    const versions = [...(answer.Versions ?? []), ...(answer.DeleteMarkers ?? [])].map(
      ({ Key = '', VersionId = 'null' }): Version => ({ Key, VersionId }),
    );
    const { NextKeyMarker, NextVersionIdMarker } = answer;
    const next =
      answer.IsTruncated === true && NextKeyMarker !== undefined
        ? JSON.stringify([NextKeyMarker, ...(NextVersionIdMarker === undefined ? [] : [NextVersionIdMarker])])
        : undefined;
    return { versions, next };
  }
  const toItem = (version: Version): Erasable => ({ kind: 'objects', key: JSON.stringify(version) });

  return {
    async find(prefix, after) {
      const { versions, next } = await list(prefix, after);
      return { items: versions.map(toItem), next };
    },
    async findOne(key) {
      const found: Version[] = [];
      let after: string | undefined;
      do {
        const { versions, next } = await list(key, after);
        // The versions of the key come before those of longer keys with the same prefix.
        const own = versions.filter(({ Key }) => Key === key);
        found.push(...own);
        after = own.length === versions.length ? next : undefined;
      } while (after !== undefined);
      return found.map(toItem);
    },
    async remove(_, items) {
      for (const some of chunks(items, maxDeleted)) {
        const { Errors = [] } = await client.send(
          new DeleteObjectsCommand({
            Bucket: bucket,
            Delete: { Objects: some.map(toVersion), Quiet: true },
            ...(isLocked ? { BypassGovernanceRetention: true } : {}),
          }),
        );
        const [refused] = Errors;
        if (refused !== undefined)
          throw new EngineError('storage-unavailable', `${Errors.length} objects were not deleted: ${refused.Code}`, {
            retryable: true,
          });
      }
    },
  };
}

function toVersion({ key }: Erasable): Version {
  return JSON.parse(key) as Version;
}
