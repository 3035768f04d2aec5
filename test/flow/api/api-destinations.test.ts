import { beforeEach, describe, expect, test } from 'vitest';
import { createFakeApi, type FakeAnswer, type FakeApi } from '../../fakes/fake-api.ts';

const url = 'https://app.example.com/hooks';
const role_arn = 'arn:aws:iam::222222222222:role/tributary-events';
const sqs = { type: 'sqs', queue_url: 'https://sqs.eu-west-1.amazonaws.com/222222222222/orders', role_arn };
const bus = { type: 'eventbridge', bus_arn: 'arn:aws:events:eu-west-1:222222222222:event-bus/orders', role_arn };
const stream = { type: 'kinesis', stream_arn: 'arn:aws:kinesis:eu-west-1:222222222222:stream/orders', role_arn };
const principal = 'arn:aws:iam::111111111111:root';

let api: FakeApi;
beforeEach(() => {
  api = createFakeApi();
});

const create = (body: object, id = 'sub_1') => api.call('POST', '/v1/subscriptions', { id, tenant: 'acme', ...body });
const patch = (body: object) => api.call('PATCH', '/v1/subscriptions/sub_1', body);
const read = async () => (await api.call('GET', '/v1/subscriptions/sub_1')).body;
const faults = ({ body }: FakeAnswer) => body.errors as readonly { path: string; message: string }[];

describe('a destination', () => {
  test.each([
    ['sqs', sqs, sqs.queue_url, sqs],
    ['eventbridge', bus, bus.bus_arn, { ...bus, source: 'tributary' }],
    ['eventbridge with a source', { ...bus, source: 'acme.hr' }, bus.bus_arn, { ...bus, source: 'acme.hr' }],
    ['kinesis', stream, stream.stream_arn, stream],
  ])('of type %s is shown with an external id and the principal to trust', async (_, destination, address, shown) => {
    const created = await create({ destination });
    expect(created.status).toBe(201);
    const { external_id } = created.body.destination;
    expect(external_id).toMatch(/^tributary-[0-9a-f]{32}$/);
    expect(created.body).toMatchObject({ url: address, destination: { ...shown, external_id, principal } });
    expect((await read()).destination).toEqual(created.body.destination);
  });

  test('of type http is the same as a url', async () => {
    expect((await create({ destination: { type: 'http', url } })).body).toMatchObject({
      url,
      destination: { type: 'http', url },
    });
    expect((await patch({ destination: { type: 'http', url: `${url}/2` } })).body.url).toBe(`${url}/2`);
  });

  test('has an external id that no other subscription has, even of the same role', async () => {
    const ids = [
      (await create({ destination: sqs })).body.destination.external_id,
      (await create({ destination: sqs }, 'sub_2')).body.destination.external_id,
    ];
    expect(new Set(ids).size).toBe(2);
    await api.call('DELETE', '/v1/subscriptions/sub_1');
    const again = await create({ destination: sqs });
    expect(ids).not.toContain(again.body.destination.external_id);
  });

  test('keeps its external id while it is one of AWS, and gets a new one after it was not', async () => {
    const { external_id } = (await create({ destination: sqs })).body.destination;
    expect((await patch({ destination: stream })).body.destination.external_id).toBe(external_id);
    expect((await patch({ description: 'orders' })).body.destination.external_id).toBe(external_id);
    expect((await patch({ url })).body).toMatchObject({ url, destination: { type: 'http', url } });
    const back = (await patch({ destination: sqs })).body.destination.external_id;
    expect(back).not.toBe(external_id);
  });

  test('in AWS removes the credentials of the endpoint before it', async () => {
    await create({ url, headers: { 'x-key': 'secret' }, auth: { type: 'bearer', token: 'secret' } });
    const moved = await patch({ destination: sqs });
    expect(moved.body).toMatchObject({ auth: null, headers: {}, destination: { type: 'sqs' } });
    expect((await patch({ url })).body).toMatchObject({ auth: null, headers: {} });
  });
});

describe('fails when a destination', () => {
  test.each<[string, object, string]>([
    ['is given beside a url', { url, destination: sqs }, 'destination'],
    ['and a url are both missing', {}, 'url'],
    ['has an unknown type', { destination: { type: 'sns' } }, 'destination.type'],
    ['has an external id', { destination: { ...sqs, external_id: 'tributary-mine' } }, 'destination'],
    ['has no role', { destination: { type: 'sqs', queue_url: sqs.queue_url } }, 'destination.role_arn'],
    ['is a URL of another host', { destination: { ...sqs, queue_url: url } }, 'destination.queue_url'],
    ['is the bus of a partner', { destination: { ...bus, bus_arn: 'aws.partner/x' } }, 'destination.bus_arn'],
    ['names a source of AWS', { destination: { ...bus, source: 'aws.ec2' } }, 'destination.source'],
    [
      'is a consumer of a stream',
      { destination: { ...stream, stream_arn: `${stream.stream_arn}/x` } },
      'destination.stream_arn',
    ],
    [
      'has a role of another account',
      { destination: { ...sqs, role_arn: role_arn.replace('222222222222', '333333333333') } },
      'destination.role_arn',
    ],
    [
      'is in the account of Tributary',
      {
        destination: {
          type: 'sqs',
          queue_url: sqs.queue_url.replace('222222222222', '111111111111'),
          role_arn: role_arn.replace('222222222222', '111111111111'),
        },
      },
      'destination.role_arn',
    ],
    ['in AWS has authentication', { destination: sqs, auth: { type: 'bearer', token: 'x' } }, 'auth'],
    ['in AWS has headers', { destination: sqs, headers: { 'x-team': 'a' } }, 'headers'],
    ['in AWS has batches', { destination: sqs, batch: { max_events: 2, max_wait_seconds: 2 } }, 'batch'],
  ])('%s', async (_, body, path) => {
    const answer = await create(body);
    expect(answer.status, answer.text).toBe(422);
    expect(faults(answer).map((fault) => fault.path)).toContain(path);
    await create({ url });
    if (Object.keys(body).length === 0) return;
    const patched = await patch(body);
    expect([patched.status, faults(patched).map((fault) => fault.path)]).toEqual([422, [path]]);
  });
});
