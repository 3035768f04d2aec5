import type * as S3 from '@aws-sdk/client-s3';
import { EngineError } from '../../contracts/engine-error.ts';
import type { ClaimStore } from '../../ports/claim-store.ts';
import { clientSettings } from './client-settings.ts';

/** Claims in one bucket. The client is loaded with the first claim: most events never need it. */
export function createS3ClaimStore(bucket: string): ClaimStore {
  let loading: Promise<{ readonly sdk: typeof S3; readonly client: S3.S3Client }> | undefined;
  const load = () => {
    loading ??= import('@aws-sdk/client-s3').then((sdk) => ({
      sdk,
      // A virtual-hosted bucket needs a name server; path style works wherever the endpoint does.
      client: new sdk.S3Client({ ...clientSettings, forcePathStyle: true }),
    }));
    return loading;
  };
  return {
    async put(key, content, contentType) {
      const { sdk, client } = await load();
      await client.send(
        new sdk.PutObjectCommand({ Bucket: bucket, Key: key, Body: content, ContentType: contentType }),
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
