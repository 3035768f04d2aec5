import { gunzipSync } from 'node:zlib';
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { createS3ClaimStore } from '../../lambdas/adapters/aws/s3-claim-store.ts';
import { createS3RawArchive, createS3RawArchiveReader } from '../../lambdas/adapters/aws/s3-raw-archive.ts';
import type { RawMessage } from '../../lambdas/contracts/messages.ts';
import type { ArchiveOwner, RawArchive, RawArchiveReader } from '../../lambdas/ports/events/raw-archive.ts';
import { createInMemoryRawArchive } from '../fakes/in-memory-raw-archive.ts';
import { rawMessage } from '../flow/provider-request.ts';
import { awsConfig, useEmulator } from './emulated-aws.ts';

const fauxqs = useEmulator('fauxqs');
let buckets = 0;
const clientOf = () => new S3Client({ ...awsConfig, endpoint: fauxqs.endpoint(), forcePathStyle: true });

beforeAll(() => {
  vi.stubEnv('AWS_ENDPOINT_URL_S3', fauxqs.endpoint());
  vi.stubEnv('AWS_REGION', awsConfig.region);
  vi.stubEnv('AWS_ACCESS_KEY_ID', awsConfig.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', awsConfig.credentials.secretAccessKey);
});

async function newBucket(): Promise<string> {
  const Bucket = `archive-${++buckets}`;
  const client = clientOf();
  await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
  return Bucket;
}

const implementations: readonly (readonly [string, () => Promise<RawArchive & RawArchiveReader>])[] = [
  ['the fake', async () => createInMemoryRawArchive()],
  [
    'S3',
    async () => {
      const bucket = await newBucket();
      const bodies = createS3ClaimStore(bucket);
      // Bodies are in the same bucket.
      for (const key of ['acc_acme/raw_1', '_staff/raw_1', '_zoom/raw_1', 'zzz/raw_1'])
        await bodies.put(key, Buffer.from('a body'), 'text/plain');
      return { ...createS3RawArchive(bodies), ...createS3RawArchiveReader(bucket, bodies) };
    },
  ],
];

const noon = Date.parse('2026-11-21T12:00:00.000Z');
const at = (ms: number, id = String(ms), change: Partial<RawMessage> = {}): RawMessage =>
  rawMessage(`raw_${id}`, [], { receivedAt: new Date(noon + ms).toISOString(), ...change });
const owner = (account: string, key = account): ArchiveOwner => ({
  account,
  createdAt: '2026-11-20T00:00:00.000Z',
  key: Buffer.from(key.padEnd(32)).toString('base64'),
});

async function listAll(archive: RawArchiveReader, sinceMs: number, untilMs: number): Promise<readonly string[]> {
  const items: string[] = [];
  let after: string | undefined;
  do {
    const page = await archive.list(noon + sinceMs, noon + untilMs, after);
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items;
}

async function idsIn(archive: RawArchiveReader, sinceMs: number, untilMs: number, opener?: ArchiveOwner) {
  const objects = await listAll(archive, sinceMs, untilMs);
  const parts = (await Promise.all(objects.map((object) => archive.read(object)))).flatMap((read) => read ?? []);
  return parts.flatMap((part) => part.open(opener) ?? []).map(({ rawId }) => rawId);
}

describe.each(implementations)('raw archive on %s', (_, open) => {
  test('returns requests to each of their owners, and to no other', async () => {
    const archive = await open();
    const [acme, globex] = [owner('acc_acme'), owner('acc_globex')];
    const odd = at(1, 'odd', { body: { kind: 'inline', encoding: 'utf8', content: '{"ü":"\\ud800 €"}' } });
    await archive.put(
      [
        { message: odd, owners: [acme] },
        { message: at(2, 'both'), owners: [acme, globex] },
        { message: at(3, 'ownerless', { integration: 'crm' }), owners: [] },
        { message: at(4, 'more'), owners: [acme] },
      ],
      3,
    );
    const [object = ''] = await listAll(archive, 0, 60_000);
    const parts = (await archive.read(object)) ?? [];
    expect(
      parts.map(({ integration, count, owners }) => [integration, count, owners.map(({ account }) => account)]),
    ).toEqual([
      ['staff', 2, ['acc_acme']],
      ['staff', 1, ['acc_acme', 'acc_globex']],
      ['crm', 1, []],
    ]);
    const [own, both, ownerless] = parts;
    expect(own?.open(acme)).toEqual([odd, at(4, 'more')]);
    expect(both?.open(globex)).toEqual([at(2, 'both')]);
    expect(ownerless?.open(undefined)).toMatchObject([{ rawId: 'raw_ownerless' }]);
    for (const wrong of [undefined, globex, owner('acc_acme', 'another'), { ...acme, createdAt: 'later' }])
      expect(own?.open(wrong)).toBeUndefined();
  });

  test('finds the requests of a time window, whatever else their objects contain', async () => {
    const archive = await open();
    const hour = 3_600_000;
    for (const ms of [-1, 0, 1_000, 59_000, 60_000, hour - 1, hour])
      await archive.put([{ message: at(ms), owners: [] }], undefined);
    await archive.put(
      [
        { message: at(100, 'a'), owners: [] },
        { message: at(2_000_000, 'b'), owners: [] },
      ],
      undefined,
    );
    expect(await idsIn(archive, 0, 60_000)).toEqual(['raw_0', 'raw_a', 'raw_b', 'raw_1000', 'raw_59000']);
    expect(await idsIn(archive, 1_999_999, 2_000_001)).toEqual(['raw_a', 'raw_b']);
    expect(await idsIn(archive, -hour, 0)).toEqual(['raw_-1']);
    expect(await idsIn(archive, hour, 2 * hour)).toEqual([`raw_${hour}`]);
    expect(await idsIn(archive, 2 * hour, 3 * hour)).toEqual([]);
  });

  test('lists each object once, in the order of time, page by page', async () => {
    const archive = await open();
    const times = Array.from({ length: 7 }, (_, index) => index * 10);
    for (const ms of [...times].reverse()) await archive.put([{ message: at(ms), owners: [] }], undefined);
    expect(await idsIn(archive, 0, 1_000)).toEqual(times.map((ms) => `raw_${ms}`));
    const [first] = await listAll(archive, 0, 1_000);
    const { items } = await archive.list(noon, noon + 1_000, first);
    expect(items).not.toContain(first);
  });

  test('stores a batch once, even when it is put again in another order', async () => {
    const archive = await open();
    const batch = [1, 2].map((ms) => ({ message: at(ms), owners: [owner('acc_acme')] }));
    await archive.put(batch, undefined);
    await archive.put([...batch].reverse(), undefined);
    expect(await listAll(archive, 0, 1_000)).toHaveLength(1);
    expect((await idsIn(archive, 0, 1_000, owner('acc_acme'))).sort()).toEqual(['raw_1', 'raw_2']);
  });

  test('returns undefined for a missing object', async () => {
    expect(await (await open()).read('__requests/none')).toBeUndefined();
  });
});

describe('an object on S3', () => {
  test('reveals nothing about the requests of an account (invariant 10)', async () => {
    const bucket = await newBucket();
    const bodies = createS3ClaimStore(bucket);
    const secret = { kind: 'inline', encoding: 'utf8', content: '{"salary":42}' } as const;
    await createS3RawArchive(bodies).put(
      [{ message: at(1, '1', { body: secret }), owners: [owner('acc_acme')] }],
      undefined,
    );
    const [key = ''] = (await createS3RawArchiveReader(bucket, bodies).list(noon, noon + 1_000, undefined)).items;
    expect(key).toMatch(/^__requests\/20261121T120000001Z_20261121T120000001Z_[0-9a-f]{32}\.json\.gz$/);
    const client = clientOf();
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    client.destroy();
    const text = gunzipSync(Buffer.from((await Body?.transformToByteArray()) ?? [])).toString('utf8');
    for (const hidden of ['salary', 'raw_1', 'https://']) expect(text).not.toContain(hidden);
  });

  test('fails when it is damaged', async () => {
    const bucket = await newBucket();
    const bodies = createS3ClaimStore(bucket);
    await bodies.put('__requests/damaged', Buffer.from('no gzip'), 'application/gzip');
    const reader = createS3RawArchiveReader(bucket, bodies);
    await expect(reader.read('__requests/damaged')).rejects.toMatchObject({ code: 'corrupt-state' });
  });
});
