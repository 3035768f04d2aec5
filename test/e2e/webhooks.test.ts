import { createHmac } from 'node:crypto';
import { sign } from '@octokit/webhooks-methods';
import { describe, expect, test } from 'vitest';
import { limits } from '../../lambdas/contracts/limits.ts';
import { propertyRuns } from '../property-runs.ts';
import { type Answer, githubIssue, useRunningEngine } from './running-engine.ts';

const running = useRunningEngine();

/** Every refusal is a readable problem that reveals no internals. */
function expectProblem(answer: Answer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.body).toMatchObject({
    type: 'about:blank',
    status,
    title: expect.any(String),
    detail: expect.any(String),
  });
  expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.mjs|\.ts:|\\n *at |dynamo|Tributary-|arn:/i);
}

describe('a webhook from an address that its account does not allow', () => {
  test('fails when it is sent, with 403, whatever X-Forwarded-For says, and is counted', async () => {
    const { account, post, call, eventually } = running();
    const { url, id } = await account('github', { tenant: 'fenced', secret: 'fenced secret' });
    const body = githubIssue(815);
    const headers = {
      'x-github-event': 'issues',
      'x-github-delivery': 'fenced-1',
      'x-hub-signature-256': await sign('fenced secret', body),
    };
    const changed = await call('PATCH', `/v1/accounts/${id}`, { allowed_ranges: ['192.0.2.0/24', '2001:db8::/32'] });
    expect(changed.body).toMatchObject({ allowed_ranges: ['192.0.2.0/24', '2001:db8::/32'] });
    const refused = await post(url, body, { ...headers, 'x-forwarded-for': '192.0.2.7' });
    expectProblem(refused, 403);
    expect(refused.body).toMatchObject({ reason: 'source-not-allowed' });
    await eventually(async () => {
      const stats = await call('GET', '/v1/stats?tenant=fenced');
      return JSON.stringify(stats.body).includes('source-not-allowed');
    });
    expect((await call('GET', '/v1/events?tenant=fenced')).body).toMatchObject({ data: [] });
    expect((await call('PATCH', `/v1/accounts/${id}`, { allowed_ranges: ['everywhere'] })).status).toBe(422);
  });

  test('passes from one that it allows', async () => {
    const { account, post, call } = running();
    const { url, id } = await account('github', { tenant: 'open', secret: 'open secret' });
    await call('PATCH', `/v1/accounts/${id}`, { allowed_ranges: ['127.0.0.0/8', '::1/128'] });
    const body = githubIssue(816);
    const signature = await sign('open secret', body);
    const headers = { 'x-github-event': 'issues', 'x-github-delivery': 'open-1', 'x-hub-signature-256': signature };
    expect((await post(url, body, headers)).status).toBe(200);
  });
});

describe('a webhook from provider to subscriber', () => {
  test('GitHub, signed by its own library, reaches a subscriber that verifies with standardwebhooks, and the feed', async () => {
    const { account, subscriber, post, call, eventually, verify } = running();
    const { url, id } = await account('github', { tenant: 'octo', secret: 'octo secret' });
    const receiver = await subscriber({ tenant: 'octo' });
    const body = githubIssue(4711);

    const answer = await post(url, body, {
      'x-github-event': 'issues',
      'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      'x-hub-signature-256': await sign('octo secret', body),
    });
    expect(answer.status).toBe(200);
    await eventually(() => receiver.callbacks.length > 0);

    const [callback] = receiver.callbacks;
    const event = verify(receiver.webhook, callback ?? { body: '', headers: {} });
    expect(event).toMatchObject({
      id: expect.stringMatching(/^evt_/),
      type: 'record:created',
      tenant: 'octo',
      account: id,
      integration: 'github',
      resource: 'ticketing/tickets',
      record_id: '4711',
      sequence: 1,
      origin: 'webhook',
      raw_event_type: 'issues.opened',
      data: { title: 'Issue 4711' },
    });
    expect(callback?.headers['webhook-id']).toBe((event as { id: string }).id);

    const feed = await call('GET', '/v1/events?tenant=octo');
    expect(feed.body).toMatchObject({ data: [event], caught_up: true });
    expect((await call('GET', `/v1/events/${(event as { id: string }).id}`)).body).toEqual(event);
    await eventually(
      async () => (await call('GET', `/v1/subscriptions/${receiver.id}/deliveries`)).body.data.length > 0,
    );
    expect((await call('GET', `/v1/subscriptions/${receiver.id}/deliveries`)).body.data).toMatchObject([
      { event_id: (event as { id: string }).id, state: 'delivered', attempts: [{ number: 1, status: 204 }] },
    ]);
  });

  test('two edits of a Teams message with equal bodies both arrive', async () => {
    const { account, subscriber, post, eventually, engine } = running();
    const { url } = await account('generic-hmac', { tenant: 'teams-thin' });
    const graph = await running().call('POST', '/v1/accounts', {
      tenant: 'teams',
      integration: 'msgraph',
      secrets: { client_state: 's3cret' },
    });
    const receiver = await subscriber({ tenant: 'teams' });
    const thin = await subscriber({ tenant: 'teams-thin' });
    const notification = {
      subscriptionId: 'a1b2c3d4-0000-4000-8000-00000000c021',
      clientState: 's3cret',
      changeType: 'updated',
      resource: "chats('19:c@thread.v2')/messages('1')",
      tenantId: '8d6f0000-0000-4000-8000-00000000b001',
      resourceData: { '@odata.type': '#Microsoft.Graph.chatMessage', id: '1' },
    };
    const changed = JSON.stringify({ type: 'updated', resource: 'crm/contacts', id: '1' });
    for (let edit = 0; edit < 2; edit += 1) {
      const answer = await post(graph.body.webhook_url, JSON.stringify({ value: [notification] }));
      expect(answer.status).toBe(202);
      const time = String(Math.floor(engine.now() / 1000));
      const signature = createHmac('sha256', 's3cret').update(`${time}.${changed}`).digest('hex');
      expect((await post(url, changed, { 'x-timestamp': time, 'x-signature': signature })).status).toBe(200);
    }
    await eventually(() => receiver.ids().size === 2 && thin.ids().size === 2);
  });

  test('a multipart body with a file reaches the subscriber as metadata, and its bytes stay unchanged', async () => {
    const { account, subscriber, post, eventually, engine } = running();
    const { url } = await account('mailgun', { tenant: 'post' });
    const receiver = await subscriber({ tenant: 'post' });
    const timestamp = String(Math.floor(engine.now() / 1000));
    const token = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee0021';
    const signature = createHmac('sha256', 's3cret').update(`${timestamp}${token}`).digest('hex');
    const fields = {
      recipient: 'a@b.example',
      'Message-Id': '<1@b.example>',
      subject: 'Grüße',
      timestamp,
      token,
      signature,
    };
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('attachment-1', new Blob([Buffer.from([0, 255, 13, 10, 45, 45])], { type: 'image/png' }), 'a.png');
    const request = new Request('http://localhost', { method: 'POST', body: form });
    const body = Buffer.from(await request.arrayBuffer());
    expect((await post(url, body, { 'content-type': request.headers.get('content-type') ?? '' })).status).toBe(200);
    await eventually(() => receiver.callbacks.length > 0);
    expect(receiver.callbacks[0]?.event['data']).toMatchObject({
      subject: 'Grüße',
      files: [{ id: 'attachment-1', name: 'a.png', mime_type: 'image/png', size: 6 }],
    });
  });

  test("Slack's url_verification is answered with its challenge as inert text", async () => {
    const { account, post } = running();
    const { url } = await account('slack');
    const answer = await post(url, JSON.stringify({ type: 'url_verification', token: 't', challenge: '3eZbrw1aBm2r' }));
    expect(answer).toMatchObject({ status: 200, body: '3eZbrw1aBm2r' });
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test("HiBob's SHA-512 base64 signature is verified, and its ping is answered", async () => {
    const { account, subscriber, post, eventually } = running();
    const { url } = await account('hibob', { tenant: 'bob', secret: 'bob secret' });
    const receiver = await subscriber({ tenant: 'bob', resources: ['hris/*'] });
    expect((await post(url, '"Ping test"')).status).toBe(200);
    const body = JSON.stringify({
      companyId: 636192,
      type: 'employee.updated',
      triggeredAt: '2026-11-20T12:56:18.955603',
      version: 'v2',
      data: { employeeId: '3498867108266115473', fieldUpdatesIds: [{ id: 'root.surname' }] },
    });
    const answer = await post(url, body, {
      'bob-signature': createHmac('sha512', 'bob secret').update(body).digest('base64'),
    });
    expect(answer.status).toBe(200);
    await eventually(() => receiver.callbacks.length > 0);
    expect(receiver.callbacks[0]?.event).toMatchObject({
      type: 'record:updated',
      resource: 'hris/employees',
      record_id: '3498867108266115473',
      thin: true,
    });
  });

  test('an event names its schema version, and one that does not match the schema is counted and still arrives', async () => {
    const { account, subscriber, post, eventually, engine } = running();
    const { url } = await account('generic-hmac', { tenant: 'drifting' });
    const receiver = await subscriber({ tenant: 'drifting' });
    const contact = { type: 'created', resource: 'crm/contacts', id: '1', data: { id: '1', name: 7 } };
    const quote = { type: 'created', resource: 'crm/quotes', id: '2', data: { id: '2' } };
    const body = JSON.stringify([contact, quote]);
    const time = String(Math.floor(engine.now() / 1000));
    const signature = createHmac('sha256', 's3cret').update(`${time}.${body}`).digest('hex');
    const answer = await post(url, body, { 'x-timestamp': time, 'x-signature': signature });
    expect(answer.status).toBe(200);
    await eventually(() => receiver.ids().size === 2);
    expect(
      receiver.callbacks.map(({ event }) => event).sort((a, b) => Number(a['sequence']) - Number(b['sequence'])),
    ).toMatchObject([
      { resource: 'crm/contacts', schema_version: '1.0.0', data: contact.data },
      { resource: 'crm/quotes', schema_version: '0.0.0' },
    ]);
    await eventually(() => engine.metrics.sum('schema-drift', { service: 'normalize' }) === 1);
  });
});

describe('a webhook that ingress accepts', () => {
  test('arrives whole with a payload of 1 MB (claim check)', async () => {
    const { account, subscriber, github, eventually, call, verify } = running();
    const { url } = await account('github', { tenant: 'large' });
    const receiver = await subscriber({ tenant: 'large' });
    expect((await github(url, { issue: 1, padding: 1024 * 1024 })).status).toBe(200);
    await eventually(() => receiver.callbacks.length > 0);
    const { event, body, headers } = receiver.callbacks[0] ?? { event: { id: '' }, body: '', headers: {} };
    verify(receiver.webhook, { body, headers });
    expect((event['data'] as { description: string }).description).toBe('x'.repeat(1024 * 1024));
    expect((await call('GET', `/v1/events/${event.id}`)).body).toEqual(event);
  });

  test('arrives in the feed near the size limits, however large a page would be (invariant 8)', async () => {
    const { account, github, eventually, call } = running();
    const { url } = await account('github', { tenant: 'huge' });
    for (let issue = 1; issue <= 4; issue += 1)
      expect((await github(url, { issue, padding: limits.maxBodyBytes - 1_000 })).status).toBe(200);
    const read = async () => {
      const ids: string[] = [];
      let cursor = '';
      for (let pages = 0; pages < 10; pages += 1) {
        const page = await call('GET', `/v1/events?tenant=huge${cursor && `&cursor=${cursor}`}`);
        expect(page.status).toBe(200);
        ids.push(...page.body.data.map((event: { record_id: string }) => event.record_id));
        if (page.body.caught_up) break;
        cursor = page.body.next_cursor;
      }
      return ids;
    };
    await eventually(async () => (await read()).length === 4);
  });

  const { numRuns: many } = propertyRuns(150, 500);
  test(`is delivered with a unique id when ${many} are sent at once (invariants 1 and 2)`, async () => {
    const { account, subscriber, github, eventually, call } = running();
    const { url } = await account('github', { tenant: 'burst' });
    const receiver = await subscriber({ tenant: 'burst' });
    const answers = await Promise.all(
      Array.from({ length: many }, (_, issue) => github(url, { issue: 10_000 + issue })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(many);
    await eventually(() => receiver.ids().size === many);

    const sequences: number[] = [];
    let cursor = '';
    for (let caughtUp = false; !caughtUp; ) {
      const page = await call('GET', `/v1/events?tenant=burst&limit=200${cursor && `&cursor=${cursor}`}`);
      sequences.push(...page.body.data.map((event: { sequence: number }) => event.sequence));
      ({ next_cursor: cursor, caught_up: caughtUp } = page.body);
    }
    expect(sequences).toHaveLength(many);
    expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
  });

  test('becomes one event and one callback when its delivery id is sent 5 times (invariant 2)', async () => {
    const { account, subscriber, github, eventually, engine, call } = running();
    const { url } = await account('github', { tenant: 'twice' });
    const receiver = await subscriber({ tenant: 'twice' });
    const before = engine.metrics.sum('duplicate', { service: 'normalize' });
    const answers = await Promise.all(Array.from({ length: 5 }, () => github(url, { delivery: 'same', issue: 5 })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    await eventually(() => engine.metrics.sum('duplicate', { service: 'normalize' }) - before === 4);
    await eventually(() => receiver.callbacks.length > 0);
    expect(receiver.callbacks).toHaveLength(1);
    expect((await call('GET', '/v1/events?tenant=twice')).body.data).toHaveLength(1);
  });
});

describe('a webhook that ingress refuses', () => {
  test('fails when the signature is wrong (401), and the answer says why without the expected value (invariant 10)', async () => {
    const { account, github, post } = running();
    const { url } = await account('github', { secret: 'right' });
    const wrong = await github(url, { secret: 'wrong' });
    expectProblem(wrong, 401);
    expect(wrong.body.reason).toBe('signature-mismatch');
    const expected = createHmac('sha256', 'right').update(githubIssue(1)).digest('hex');
    expect(JSON.stringify(wrong.body)).not.toContain(expected);
    const unsigned = await post(url, githubIssue(1), { 'x-github-event': 'issues' });
    expectProblem(unsigned, 401);
    expect(unsigned.body.reason).toBe('header-missing');
  });

  test('fails when the integration or the account is unknown (404), with the same answer', async () => {
    const { account, github, engine } = running();
    const { id } = await account('github');
    const answers = await Promise.all(
      [`/in/nosuch/${id}`, '/in/github/nosuch', `/in/slack/${id}`, `/in/github/${'x'.repeat(3000)}`, '/in/..%2f/x'].map(
        (path) => github(`${engine.url}${path}`),
      ),
    );
    for (const answer of answers) expectProblem(answer, 404);
    expect(new Set(answers.map(({ body }) => body.detail)).size).toBe(1);
  });

  test.each([
    ['empty', ''],
    ['cut off', '{"action":'],
    ['not JSON', 'Hello, World!'],
  ])('fails when the body is %s where the definition needs JSON (400)', async (_, body) => {
    const { account, post } = running();
    const { url } = await account('github');
    const signature = `sha256=${createHmac('sha256', 's3cret').update(body).digest('hex')}`;
    for (const headers of [{ 'x-hub-signature-256': signature }, {}]) {
      const answer = await post(url, body, headers);
      expectProblem(answer, 400);
      expect(answer.body.reason).toBe('body-malformed');
    }
  });

  test('fails when the body is over the limit (413) of the function or of the gateway', async () => {
    const { account, post } = running();
    const { url } = await account('github');
    for (const sizeBytes of [limits.maxBodyBytes + 1, limits.gatewayMaxBodyBytes + 1])
      expectProblem(await post(url, Buffer.alloc(sizeBytes, 'x')), 413);
  });

  test('fails when the method is not POST and no handshake uses it (405)', async () => {
    const { account } = running();
    const { url } = await account('github');
    const response = await fetch(url, { method: 'PUT' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });
});

test('inputs equal the sum of outcomes (invariant 9)', async () => {
  const { engine, eventually } = running();
  const of = (service: string) => (name: string) => engine.metrics.sum(name, { service });
  const [ingress, normalize, deliver, drain] = [of('ingress'), of('normalize'), of('deliver'), of('drain')];
  const sent = (name: string) => deliver(name) + drain(name);
  const sums = () => ({
    accepted: ingress('accepted'),
    ended: ['mapped', 'ignored', 'unrouted', 'dead-lettered'].reduce((sum, name) => sum + normalize(name), 0),
    enqueued: normalize('enqueued'),
    sent: ['delivered', 'dead-lettered', 'filtered'].reduce((sum, name) => sum + sent(name), 0),
  });
  const isEven = ({ accepted, ended, enqueued, sent: out }: ReturnType<typeof sums>) =>
    accepted === ended && enqueued === out;
  await eventually(() => isEven(sums())).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(sums())}`);
  });
  expect(ingress('accepted')).toBeGreaterThan(150);
  expect(ingress('rejected')).toBeGreaterThan(5);
});
