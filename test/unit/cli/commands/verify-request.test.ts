import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { nowMs, useIntegrationsFolder, writeIntegration, writeResource } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();
const time = String(nowMs / 1000);
const event = '{"verb":"created","id":"7"}';
const problem = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' };

const sign = (body: string | Buffer, secret = 's3cret') =>
  `v1=${createHmac('sha256', secret).update(`${time}.`).update(body).digest('hex')}`;
const signed = (body: string | Buffer, secret?: string) => ({ 'X-Time': time, 'X-Signature': sign(body, secret) });

beforeEach(() =>
  writeIntegration(folder, {
    more: `, reply: { accepted: { status: 202, content_type: text/plain, body: thanks }, rejected_status: 403 },
      handshakes: [{ name: hello, when: { query.challenge: { present: true } }, verify: none, respond: { body: "{query.challenge}" } }]`,
  }),
);

async function verify(request: unknown, secrets: unknown = { signing_secret: 's3cret' }, ...more: readonly string[]) {
  const files = [folder.write('request.json', request), '--secrets', folder.write('secrets.json', secrets)];
  const { exitCode, output } = await folder.run(['verify', 'staff', ...files, '--json', ...more]);
  return { exitCode, ...(JSON.parse(output) as Record<string, unknown>) };
}

describe('the address of the sender', () => {
  const request = { headers: signed(event), body: event };
  const allowing = () => writeIntegration(folder, { more: ', allow_from: [192.0.2.0/24, "2001:db8::/32"]' });

  test('is compared with the ranges of the definition, before anything else', async () => {
    allowing();
    expect(await verify({ ...request, source_ip: '192.0.2.7' })).toMatchObject({ exitCode: 0, outcome: 'verified' });
    expect(await verify({ ...request, headers: {}, source_ip: '198.51.100.7' })).toMatchObject({
      exitCode: 1,
      outcome: 'rejected',
      reason: 'source-not-allowed',
      detail: 'got 198.51.100.7, expected an address in webhook.allow_from: 192.0.2.0/24, 2001:db8::/32',
      response: { status: 403 },
      events: [],
    });
  });

  test('is noted as unchecked where the request does not tell it', async () => {
    expect(await verify(request)).not.toHaveProperty('notes');
    allowing();
    expect(await verify(request)).toMatchObject({
      outcome: 'verified',
      notes: ['the address of the sender was not checked: add "source_ip" to the request'],
    });
  });

  test('fails when it is no address', async () => {
    const files = [folder.write('request.json', { ...request, source_ip: 'localhost' })];
    const { exitCode, output } = await folder.run(['verify', 'staff', ...files]);
    expect(exitCode).toBe(2);
    expect(output).toContain('expected an IPv4 or IPv6 address');
  });
});

describe('a verified request', () => {
  test("gets the definition's reply, and its events are told", async () => {
    expect(await verify({ method: 'POST', url: null, headers: signed(event), body: event })).toEqual({
      exitCode: 0,
      outcome: 'verified',
      reason: null,
      response: { status: 202, headers: { 'content-type': 'text/plain' }, body: 'thanks' },
      events: [
        expect.objectContaining({ type: 'record:created', record_id: '7', timestamp: '2026-11-22T12:00:00.000Z' }),
      ],
    });
  });

  test('may have its body in base64, its headers in any case and as lists, and no method', async () => {
    const [name, value] = ['x-SIGNATURE', [signed(event)['X-Signature']]];
    const request = {
      headers: { 'x-time': [Number(time)], [name]: value },
      body_base64: Buffer.from(event).toString('base64'),
    };
    expect(await verify(request)).toMatchObject({ exitCode: 0, outcome: 'verified', events: [{ record_id: '7' }] });
  });

  test('is verified by any value of a secret that rotates', async () => {
    const request = { headers: signed(event), body: event };
    expect(await verify(request, { signing_secret: ['new', 's3cret'] })).toMatchObject({ outcome: 'verified' });
  });

  test('fails when its mapping fails, and says why', async () => {
    const body = '{"verb":"eaten","id":"7"}';
    expect(await verify({ headers: signed(body), body })).toMatchObject({
      exitCode: 0,
      outcome: 'verified',
      response: { status: 202 },
      events: [],
      mapping_error:
        'mapping gave a bad event (0): event_type: got "eaten", expected "created", "updated" or "deleted"',
    });
  });

  test('fails when its body cannot be read: 400, although it is verified', async () => {
    expect(await verify({ headers: signed('{'), body: '{' })).toMatchObject({
      exitCode: 0,
      outcome: 'verified',
      reason: 'body-malformed',
      response: { status: 400, headers: problem },
      events: [],
    });
  });

  test('fails when its method is not POST: 405, although it is verified', async () => {
    expect(await verify({ method: 'put', headers: signed(event), body: event })).toMatchObject({
      exitCode: 0,
      outcome: 'verified',
      reason: 'method-not-allowed',
      response: { status: 405, headers: { ...problem, allow: 'POST' } },
      events: [],
    });
  });
});

test('a handshake is answered, without a secret if the definition says so', async () => {
  const request = { method: 'GET', url: 'https://hooks.example.com/in/staff?challenge=c%2F1' };
  expect(await verify(request, {})).toEqual({
    exitCode: 0,
    outcome: 'handshake',
    reason: null,
    response: {
      status: 200,
      headers: { 'content-type': 'text/plain', 'x-content-type-options': 'nosniff' },
      body: 'c/1',
    },
    events: [],
  });
});

describe('a rejected request', () => {
  test.each([
    ['the body was changed', { headers: signed(event), body: `${event} ` }, 'signature-mismatch'],
    ['the secret is wrong', { headers: signed(event, 'other'), body: event }, 'signature-mismatch'],
    ['nothing is signed', { headers: {}, body: event }, 'header-missing'],
    [
      'the version is unknown',
      { headers: { 'X-Time': time, 'X-Signature': 'v9=00' }, body: event },
      'no-known-signature-version',
    ],
  ])('fails when %s, and explains it in the reason and in the answer', async (_, request, reason) => {
    const verification = await verify(request);
    expect(verification).toMatchObject({
      exitCode: 1,
      outcome: 'rejected',
      reason,
      response: { status: 403, headers: problem },
      events: [],
    });
    expect(JSON.parse((verification as unknown as { response: { body: string } }).response.body)).toMatchObject({
      status: 403,
      title: 'Forbidden',
      reason,
    });
    expect(JSON.stringify(verification)).not.toContain(sign(event).slice(3));
  });

  test('fails when no case is for it, and says so', async () => {
    writeIntegration(folder, {
      verify:
        '{ cases: [{ when: { header.X-Version: "2" }, verify: { token: { value: "{header.X-Token}", expected: signing_secret } } }] }',
    });
    expect(await verify({ headers: signed(event), body: event })).toMatchObject({
      exitCode: 1,
      reason: 'no-known-signature-version',
      detail: 'no `when` of `cases` in `verify` holds for the request',
    });
  });

  test('fails when no secret is configured', async () => {
    expect(await verify({ headers: signed(event), body: event }, {})).toMatchObject({
      exitCode: 1,
      reason: 'secret-not-configured',
    });
  });

  test.each([
    ['2026-11-22T12:05:00Z', 'verified', null],
    ['2026-11-22T12:05:00', 'verified', null],
    ['2026-11-22T13:05:00+01:00', 'verified', null],
    ['2026-11-22T12:05:01.000Z', 'rejected', 'timestamp-too-old'],
    ['2026-11-22T11:58:59Z', 'rejected', 'timestamp-in-the-future'],
  ])('is verified at the time of --now: %s', async (now, outcome, reason) => {
    expect(await verify({ headers: signed(event), body: event }, undefined, '--now', now)).toMatchObject({
      outcome,
      reason,
    });
  });

  test('fails when its body is unsigned and unreadable: rejected, and answered as ingress does', async () => {
    expect(await verify({ headers: signed(event), body: '{' })).toMatchObject({
      exitCode: 1,
      outcome: 'rejected',
      reason: 'signature-mismatch',
      response: { status: 400 },
    });
  });
});

describe('unusable input', () => {
  const usable = { headers: {}, body: '' };
  test.each([
    ['the request is no JSON', '{', {}, [], 'request.json is not JSON.'],
    ['the request is a list', [], {}, [], 'request.json is not a request.'],
    ['the body is not a string', { body: {} }, {}, [], 'expected a string'],
    ['there are two bodies', { body: '', body_base64: '' }, {}, [], 'both "body" and "body_base64"'],
    ['the base64 is none', { body_base64: '?' }, {}, [], 'body_base64'],
    ['the URL is relative', { ...usable, url: '/in/staff' }, {}, [], 'expected an absolute http or https URL'],
    ['a key is misspelt', { ...usable, heeders: {} }, {}, [], 'Did you mean "headers"?'],
    ['a secret is unknown', usable, { signing_secert: 'x' }, [], 'Did you mean "signing_secret"?'],
    ['a secret is not a string', usable, { signing_secret: 5 }, [], '"signing_secret" must be'],
    ['the time is malformed', usable, {}, ['--now', 'yesterday'], 'expected an ISO 8601 time'],
    ['the time is not a day', usable, {}, ['--now', '2026-13-22T12:00:00Z'], 'expected an ISO 8601 time'],
  ])('fails when %s', async (_, request, secrets, more, message) => {
    expect(await verify(request, secrets, ...more)).toEqual({ exitCode: 2, error: expect.stringContaining(message) });
  });

  test('fails when a file is missing or the integration is unknown', async () => {
    const request = folder.write('request.json', usable);
    expect(await folder.run(['verify', 'staff', folder.path('none.json')])).toEqual({
      exitCode: 2,
      output: expect.stringContaining('none.json cannot be read: ENOENT.'),
    });
    expect(await folder.run(['verify', 'stuff', request])).toEqual({
      exitCode: 2,
      output: 'There is no integration "stuff". Did you mean "staff"?\n',
    });
    for (const name of ['../integrations/staff', '.', '__proto__'])
      expect((await folder.run(['verify', name, request])).exitCode).toBe(2);
  });
});

test('prints outcome, answer and events in lines', async () => {
  const file = folder.write('request.json', { headers: signed(event), body: event });
  const secrets = folder.write('secrets.json', { signing_secret: 's3cret' });
  const { output } = await folder.run(['verify', 'staff', file, '--secrets', secrets]);
  expect(output).toMatch(/^verified\nanswer 202 thanks\n1 event\n\{/);
  const rejected = await folder.run(['verify', 'staff', file]);
  expect(rejected.output).toBe(
    'rejected: secret-not-configured (signing_secret)\nanswer 403 The request was not verified: secret-not-configured (signing_secret).\n',
  );
});

describe('data that violates the schema of its resource', () => {
  const body = '{"verb":"created","id":7}';

  test('is reported as drift, without the value', async () => {
    writeResource(folder);
    expect(await verify({ headers: signed(body), body })).toMatchObject({
      exitCode: 0,
      outcome: 'verified',
      events: [{ schema_version: '1.0.0' }],
      drift: [{ event: 0, resource: 'hris/employees', path: 'id', expected: 'string' }],
    });
    const files = [folder.path('request.json'), '--secrets', folder.path('secrets.json')];
    expect((await folder.run(['verify', 'staff', ...files])).output).toContain(
      '\ndrift: events[0].data.id: expected string (hris/employees)\n',
    );
  });

  test('is not reported without drift or without a schema', async () => {
    expect(await verify({ headers: signed(body), body })).not.toHaveProperty('drift');
    expect(await verify({ headers: signed(body), body })).toMatchObject({ events: [{ schema_version: '0.0.0' }] });
    writeResource(folder);
    expect(await verify({ headers: signed(event), body: event })).not.toHaveProperty('drift');
  });
});

describe('the accounts of a request at the URL for all accounts', () => {
  const routed = (lookup: string) => {
    const home = 'integrations/staff/integration.yaml';
    folder.append(home, `routing: { context_lookup_field: '${lookup}', account_context: company }\n`);
  };

  test('are shown with the context of the accounts', async () => {
    routed('body.id');
    const request = { headers: signed(event), body: event };
    expect(await verify(request)).toMatchObject({ contexts: { account_context: 'company', values: ['7'] } });
    const files = [folder.path('request.json'), '--secrets', folder.path('secrets.json')];
    expect((await folder.run(['verify', 'staff', ...files])).output).toContain('\ncontexts: company "7"\n');
  });

  test('fails when the lookup fails, and reports it', async () => {
    routed('$error("no")');
    expect(await verify({ headers: signed(event), body: event })).toMatchObject({
      mapping_error: 'routing.context_lookup_field failed',
    });
  });
});
