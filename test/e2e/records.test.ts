import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { useRunningEngine } from './running-engine.ts';

const running = useRunningEngine();

interface Issue {
  readonly action: string;
  readonly title: string;
  /** Minutes past ten. */
  readonly minute: number;
}

/** An account of GitHub, and how its webhooks come. */
async function repository(tenant: string) {
  const { account, post } = running();
  const { url, id } = await account('github', { tenant });
  let deliveries = 0;
  return {
    id,
    async send({ action, title, minute }: Issue, delivery = `${tenant}-${++deliveries}`) {
      const updated_at = `2026-11-21T10:${String(minute).padStart(2, '0')}:00Z`;
      const body = JSON.stringify({
        action,
        issue: { id: 17, number: 17, title, state: 'open', updated_at },
        repository: { id: 1, full_name: 'northwind/orders' },
      });
      const signature = createHmac('sha256', 's3cret').update(body).digest('hex');
      const answer = await post(url, body, {
        'x-github-event': 'issues',
        'x-github-delivery': delivery,
        'x-hub-signature-256': `sha256=${signature}`,
      });
      expect(answer.status).toBe(200);
    },
  };
}

async function countsOf(tenant: string) {
  const { body } = await running().call('GET', `/v1/stats?tenant=${tenant}`);
  return body.integrations[0] ?? {};
}

test('webhooks that come out of order end in the last state of the record, and the older ones are counted as stale (invariant 4)', async () => {
  const { subscriber, call, eventually } = running();
  const receiver = await subscriber({ tenant: 'late', include_previous: ['data.title'] });
  const github = await repository('late');
  await github.send({ action: 'edited', title: 'second', minute: 2 });
  await eventually(() => receiver.callbacks.length === 1);
  await github.send({ action: 'opened', title: 'first', minute: 1 });
  await github.send({ action: 'edited', title: 'third', minute: 3 }, 'third');
  await github.send({ action: 'edited', title: 'third', minute: 3 }, 'third');
  await github.send({ action: 'labeled', title: 'third', minute: 3 });
  await eventually(async () => {
    const { stale, duplicate, unchanged } = await countsOf('late');
    return stale === 1 && duplicate === 1 && unchanged === 1;
  });
  await eventually(() => receiver.callbacks.length === 2);
  expect(receiver.callbacks.map(({ event }) => [event['type'], (event['data'] as { title: string }).title])).toEqual([
    ['record:updated', 'second'],
    ['record:updated', 'third'],
  ]);
  expect(receiver.callbacks.map(({ event }) => event['previous'])).toEqual([undefined, { data: { title: 'second' } }]);

  const state = `/v1/accounts/${github.id}/states/ticketing/tickets/17`;
  expect((await call('GET', state)).body).toMatchObject({
    rank: '2026-11-21T10:03:00Z',
    event: receiver.callbacks[1]?.event.id,
    deleted: false,
    drops: expect.arrayContaining([expect.objectContaining({ outcome: 'stale', rank: '2026-11-21T10:01:00Z' })]),
  });
  const history = await call('GET', `/v1/events?tenant=late&account=${github.id}&record_id=17`);
  expect(history.body.data.map(({ id }: { id: string }) => id)).toEqual(
    receiver.callbacks.map(({ event }) => event.id),
  );
  expect((await call('GET', `/v1/events?tenant=late&record_id=18`)).body.data).toEqual([]);
  const [first] = history.body.data;
  expect((await call('GET', `/v1/events/${first.id}`)).body).toEqual(first);
});

test('an older update does not bring back a record that was deleted (invariant 4)', async () => {
  const { subscriber, call, eventually } = running();
  const receiver = await subscriber({ tenant: 'deleted' });
  const github = await repository('deleted');
  await github.send({ action: 'opened', title: 'first', minute: 1 });
  await eventually(() => receiver.callbacks.length === 1);
  await github.send({ action: 'deleted', title: 'second', minute: 2 });
  await eventually(() => receiver.callbacks.length === 2);
  await github.send({ action: 'edited', title: 'second', minute: 2 });
  await github.send({ action: 'edited', title: 'between', minute: 1 });
  await eventually(async () => (await countsOf('deleted')).stale === 2);
  expect(receiver.callbacks.map(({ event }) => event['type'])).toEqual(['record:created', 'record:deleted']);
  const state = `/v1/accounts/${github.id}/states/ticketing/tickets/17`;
  expect((await call('GET', state)).body.deleted).toBe(true);
  // A later update proves that it is back.
  await github.send({ action: 'reopened', title: 'back', minute: 5 });
  await eventually(() => receiver.callbacks.length === 3);
  expect(receiver.callbacks[2]?.event['type']).toBe('record:created');
});

test('fifty webhooks of one record at once are all counted, and end in its last state', async () => {
  const { subscriber, eventually, call } = running();
  const receiver = await subscriber({ tenant: 'hot' });
  const github = await repository('hot');
  const minutes = Array.from({ length: 50 }, (_, index) => (index * 7) % 50);
  await Promise.all(minutes.map((minute) => github.send({ action: 'edited', title: `title ${minute}`, minute })));
  await eventually(async () => {
    const { published = 0, stale = 0 } = await countsOf('hot');
    return published + stale === 50;
  });
  const { body } = await call('GET', '/v1/events?tenant=hot&limit=100');
  const titles = body.data.map(({ data }: { data: { title: string } }) => Number(data.title.split(' ')[1]));
  expect(titles.at(-1)).toBe(49);
  expect(titles).toEqual(titles.toSorted((one: number, other: number) => one - other));
  await eventually(() => receiver.ids().size === titles.length);
});
