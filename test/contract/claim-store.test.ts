import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { createS3ClaimStore } from '../../lambdas/adapters/aws/s3-claim-store.ts';
import type { ClaimStore } from '../../lambdas/ports/events/claim-store.ts';
import { createInMemoryClaimStore } from '../fakes/in-memory-claim-store.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { awsConfig, useEmulator } from './emulated-aws.ts';

const fauxqs = useEmulator('fauxqs');
let buckets = 0;

beforeAll(() => {
  // The adapter creates its own client on first use, with settings from the environment.
  vi.stubEnv('AWS_ENDPOINT_URL_S3', fauxqs.endpoint());
  vi.stubEnv('AWS_REGION', awsConfig.region);
  vi.stubEnv('AWS_ACCESS_KEY_ID', awsConfig.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', awsConfig.credentials.secretAccessKey);
});

const implementations: readonly (readonly [string, () => Promise<ClaimStore>])[] = [
  ['the fake', async () => createInMemoryClaimStore()],
  [
    'S3',
    async () => {
      const Bucket = `claims-${++buckets}`;
      const client = new S3Client({ ...awsConfig, endpoint: fauxqs.endpoint(), forcePathStyle: true });
      await client.send(new CreateBucketCommand({ Bucket }));
      client.destroy();
      return createS3ClaimStore(Bucket);
    },
  ],
  [
    // The emulator ignores locks and tags; it only has to accept the requests.
    'S3 that locks its objects',
    async () => {
      const Bucket = `locked-${++buckets}`;
      const client = new S3Client({ ...awsConfig, endpoint: fauxqs.endpoint(), forcePathStyle: true });
      await client.send(new CreateBucketCommand({ Bucket }));
      client.destroy();
      return createS3ClaimStore(Bucket, { clock: createManualClock() });
    },
  ],
];

describe.each(implementations)('claim store on %s', (_, open) => {
  test('returns the bytes that were put', async () => {
    const claims = await open();
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await claims.put('acme/evt_1', everyByte, 'application/octet-stream');
    expect(await claims.get('acme/evt_1')).toEqual(everyByte);
  });

  test('returns an empty object, and one of a megabyte', async () => {
    const claims = await open();
    const large = Buffer.alloc(1024 * 1024, 'ü');
    await claims.put('acme/empty', Buffer.alloc(0), 'application/octet-stream');
    await claims.put('acme/large', large, 'application/json');
    expect(await claims.get('acme/empty')).toEqual(Buffer.alloc(0));
    expect((await claims.get('acme/large')).equals(large)).toBe(true);
  });

  test('replaces an object that is put again', async () => {
    const claims = await open();
    await claims.put('acme/evt_1', Buffer.from('one'), 'text/plain');
    await claims.put('acme/evt_1', Buffer.from('two'), 'text/plain');
    expect((await claims.get('acme/evt_1')).toString()).toBe('two');
  });

  test.each([1, 5, 365, 3_650])('returns an object that has a retention of %d days', async (days) => {
    const claims = await open();
    await claims.put('acme/evt_1', Buffer.from('kept'), 'text/plain', days);
    expect((await claims.get('acme/evt_1')).toString()).toBe('kept');
  });

  test('fails when there is no such object', async () => {
    const claims = await open();
    await expect(claims.get('acme/none')).rejects.toMatchObject({
      name: 'EngineError',
      code: 'corrupt-state',
      retryable: false,
    });
  });
});
