import { appendFileSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { signedWithTime, useIntegrationsFolder, writeIntegration, writeResource } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();

interface Report {
  readonly passed: number;
  readonly failed: number;
  readonly integrations: readonly {
    readonly samples: readonly {
      readonly checks: readonly { readonly name: string; readonly faults: readonly string[] }[];
    }[];
  }[];
}

async function testStaff() {
  const { exitCode, output } = await folder.run(['test', 'staff', '--json']);
  const report = JSON.parse(output) as Report;
  const checks = report.integrations[0]?.samples[0]?.checks ?? [];
  return { exitCode, report, names: checks.map(({ name }) => name), faults: checks.flatMap(({ faults }) => faults) };
}

const hmac = (more: string) =>
  `{ hmac: { algorithm: sha256, encoding: base64, message: "{body}", signature: "{header.X-Signature}", ${more} } }`;
const publicKey = (algorithm: string) =>
  `{ public_key: { algorithm: ${algorithm}, encoding: base64, key: signing_secret, message: "{body}", signature: "{header.X-Signature}" } }`;

test('checks a sample against its whole definition', async () => {
  writeIntegration(folder);
  writeResource(folder);
  const { exitCode, names, report } = await testStaff();
  expect(exitCode).toBe(0);
  expect(report).toMatchObject({ passed: 1, failed: 0 });
  expect(names).toEqual([
    'signed',
    'tampered',
    'stale',
    'wrong secret',
    'missing signature',
    'rotated secret',
    'events',
    'schema',
    'thin',
  ]);
  expect((await folder.run(['test'])).output).toBe(
    'staff\n  ok   created\n1 integration, 1 sample: 1 passed, 0 failed\n',
  );
});

describe('generates keys and proofs for', () => {
  test.each([
    ['an HMAC with a key in hex', hmac('key: { secret: signing_secret, decode: hex }')],
    ['an HMAC with a key in base64', hmac('key: { secret: signing_secret, decode: base64, prefix: whsec_ }')],
    [
      'a digest with a secret',
      '{ digest: { algorithm: sha256, encoding: hex, message: "{secret.signing_secret}{body}", signature: "{header.X-Signature}" } }',
    ],
    ['an Ed25519 key', publicKey('ed25519')],
    ['an ECDSA key', publicKey('ecdsa-p256-sha256')],
    ['a token', '{ token: { value: "{header.Authorization}", prefix: "Bearer ", expected: signing_secret } }'],
    ['Basic authentication', '{ basic: { username: user, password: signing_secret } }'],
    [
      'a JWT with a shared secret',
      '{ jwt: { token: "{header.Authorization}", prefix: "Bearer ", algorithms: [HS256], key: signing_secret, require: [exp], body_sha256_claim: sum } }',
    ],
    [
      'a JWT with a key pair',
      '{ jwt: { token: "{header.X-Jwt}", algorithms: [ES256], key: signing_secret, claims: { aud: "{secret.user}" }, max_age_seconds: 60 } }',
    ],
    [
      'a time in a variable',
      `{ all: [ { hmac: { algorithm: sha256, encoding: hex, key: signing_secret, message: "{var.t}.{body}", signature: "{header.X-Sig}", split: ",", prefix: "v1=" } },
      { freshness: { timestamp: "{var.t}", unit: ms, max_age_seconds: 300, max_ahead_seconds: 0 } } ] }`,
    ],
    [
      'a case',
      `{ cases: [ { when: { header.X-Version: "2" }, verify: { token: { value: "{header.X-Token}", expected: user } } }, { verify: ${signedWithTime} } ] }`,
    ],
  ])('%s', async (_, verify) => {
    writeIntegration(folder, {
      verify,
      secrets: '{ signing_secret: Somewhere., user: Elsewhere. }',
      more: ', vars: { t: { from: "{header.X-Sig}", split: ",", prefix: "t=" } }',
      sample: {
        headers: verify.includes('var.t') ? { 'X-Sig': 't={{timestamp}},v1={{signature}}' } : {},
        body: { verb: 'created', id: '7' },
      },
    });
    const { exitCode, faults } = await testStaff();
    expect(faults).toEqual([]);
    expect(exitCode).toBe(0);
  });

  test('signatures of items', async () => {
    writeIntegration(folder, {
      verify:
        '{ each: { items: json.items, verify: { hmac: { algorithm: sha256, encoding: hex, key: signing_secret, message: "{item.id}", signature: "{item.mac}" } } } }',
      sample: {
        body: {
          verb: 'created',
          id: '7',
          items: [
            { id: '7', mac: '{{signature}}' },
            { id: '8', mac: '{{signature}}' },
          ],
        },
      },
    });
    expect((await testStaff()).faults).toEqual([]);
  });
});

test('fails when a definition checks an unsigned time, which an attacker could set', async () => {
  writeIntegration(folder, { verify: signedWithTime.replace('{header.X-Time}.{body}', '{body}') });
  const { exitCode, output } = await folder.run(['test', 'staff']);
  expect(exitCode).not.toBe(0);
  expect(output).toContain('webhook.verify.all.1.freshness.timestamp: got {header.X-Time}, which no signature covers');
});

test('fails when the events differ from the expected ones, and reports each difference', async () => {
  writeResource(folder);
  writeIntegration(folder, { sample: { body: { verb: 'updated', id: '8' } } });
  const { exitCode, output } = await folder.run(['test', 'staff']);
  expect(exitCode).toBe(1);
  expect(output.split('\n')).toEqual([
    'staff',
    '  FAIL created',
    '         events: [0].type: expected "record:created", got "record:updated"',
    '         events: [0].record_id: expected "7", got "8"',
    '         events: [0].raw_event_type: expected "staff.created", got "staff.updated"',
    '         events: [0].data.id: expected "7", got "8"',
    '1 integration, 1 sample: 0 passed, 1 failed',
    '',
  ]);
});

test('fails when data violates the schema of its resource, and reports each place and the expectation', async () => {
  writeIntegration(folder);
  writeResource(folder);
  folder.write(
    'integrations/staff/mapping.jsonata',
    `{ "event_type": "created", "raw_event_type": "c", "resource": "hris/employees", "record_id": body.id,
       "data": { "id": body.id, "name": 7, "labels": ["a", null, 5], "salary": 100000, "custom_fields": { "any": [1] } } }`,
  );
  await folder.run(['test', 'staff', '--update']);
  const { exitCode, faults } = await testStaff();
  expect(exitCode).toBe(1);
  expect(faults.sort()).toEqual([
    'events[0].data.labels[1]: expected string (hris/employees)',
    'events[0].data.labels[2]: expected string (hris/employees)',
    'events[0].data.name: expected string or null (hris/employees)',
    'events[0].data.salary: expected no such property (hris/employees)',
  ]);
});

test('an event of a resource without a schema is a note, not a failure', async () => {
  writeIntegration(folder);
  expect(await folder.run(['test'])).toEqual({
    exitCode: 0,
    output: [
      'staff',
      '  note hris/employees: no schema, not checked; add integrations/resources/hris/employees.json',
      '  ok   created',
      '1 integration, 1 sample: 1 passed, 0 failed',
      '',
    ].join('\n'),
  });
});

test('fails when a schema is invalid, so that samples cannot be checked against it', async () => {
  writeIntegration(folder);
  writeResource(folder, 'hris/employees', { required: [] });
  const { exitCode, output } = await folder.run(['test']);
  expect(exitCode).toBe(1);
  expect(output).toMatch(/^resources\n {2}integrations\/resources\/hris\/employees\.json:\d+:\d+ required: got \[\]/);
});

test('fails when only a digest of the body would identify a thin event', async () => {
  const thin = (more: string) =>
    folder.write(
      'integrations/staff/mapping.jsonata',
      `{ "event_type": "updated", "raw_event_type": "u", "resource": "hris/employees", "record_id": body.id,
         "method": "get", "method_config": { "id": body.id }${more} }`,
    );
  const unread = 'resources: { hris/employees: { unfetchable: It has no API. } }\n';
  const write = (more = '') => {
    writeIntegration(folder, { more });
    appendFileSync(folder.path('integrations/staff/integration.yaml'), unread);
  };
  write();
  thin('');
  await folder.run(['test', 'staff', '--update']);
  expect((await testStaff()).faults).toEqual([expect.stringMatching(/^event 0: is thin, .* delivery_id: none$/)]);
  for (const named of [', "id": "c1"', ', "version": 2', ', "occurred_at": "2026-11-20T09:00:00Z"']) {
    thin(named);
    await folder.run(['test', 'staff', '--update']);
    expect((await testStaff()).faults, named).toEqual([]);
  }
  write(', delivery_id: none');
  thin('');
  await folder.run(['test', 'staff', '--update']);
  expect((await testStaff()).faults).toEqual([]);
});

test('rewrites the expected events with --update', async () => {
  writeIntegration(folder, { sample: { body: { verb: 'updated', id: '8' } } });
  expect((await folder.run(['test', 'staff', '--update'])).exitCode).toBe(0);
  expect(JSON.parse(readFileSync(folder.path('integrations/staff/expected/created.json'), 'utf8'))).toMatchObject([
    { record_id: '8' },
  ]);
});

test('fails when a sample cannot be signed, or a definition is invalid', async () => {
  writeIntegration(folder, {
    verify:
      '{ hmac: { algorithm: sha256, encoding: hex, key: signing_secret, message: "{body}", signature: "{json.proof}" } }',
  });
  expect((await testStaff()).exitCode).toBe(1);
  folder.write('integrations/staff/integration.yaml', 'name: staff');
  const { exitCode, output } = await folder.run(['test']);
  expect(exitCode).toBe(1);
  expect(output).toContain('integrations/staff/integration.yaml:1:1 title: ');
});

test('a handshake among the samples is answered and gives no events', async () => {
  const hello = ', handshakes: [{ name: hello, when: { json.verb: hello }, verify: none, respond: {} }]';
  writeIntegration(folder, { more: hello, sample: { body: { verb: 'hello' } } });
  expect((await testStaff()).faults).toEqual(['is a handshake, which makes no events']);
  folder.write('integrations/staff/expected/created.json', []);
  expect(await testStaff()).toMatchObject({ exitCode: 0, names: ['signed', 'events'] });
});

test('signs samples at the same time in each run, so that expected events may hold it', async () => {
  writeIntegration(folder, { sample: { headers: { 'X-Time': '{{timestamp}}' }, body: { verb: 'created', id: '7' } } });
  folder.write(
    'integrations/staff/mapping.jsonata',
    `{ "event_type": "created", "raw_event_type": "c", "resource": "hris/employees", "record_id": body.id,
       "occurred_at": $fromMillis($number(headers."x-time") * 1000), "data": { "id": body.id } }`,
  );
  await folder.run(['test', 'staff', '--update'], { nowMs: () => Date.UTC(2026, 0, 1) });
  const later = await folder.run(['test', 'staff'], { nowMs: () => Date.UTC(2027, 0, 1) });
  expect(later).toMatchObject({ exitCode: 0, output: expect.stringContaining('1 passed, 0 failed') });
});

describe('an unsigned handshake', () => {
  const write = () => {
    writeIntegration(folder, {
      verify: `{ hmac: { algorithm: sha256, encoding: hex, key: signing_secret, message: "{var.t}.{body}", signature: "{header.X-Sig}", split: ",", prefix: "v1=" } }`,
      more: ', vars: { t: { from: "{header.X-Sig}", split: ",", prefix: "t=" } }, handshakes: [{ name: hello, when: { json.verb: hello }, verify: none, respond: {} }]',
      sample: { headers: { 'X-Sig': 't={{timestamp}},v1={{signature}}' }, body: { verb: 'created', id: '7' } },
    });
    folder.write('integrations/staff/samples/hello.json', { body: { verb: 'hello' } });
  };

  test('is not signed, whatever the signature needs', async () => {
    write();
    folder.write('integrations/staff/expected/hello.json', []);
    const { exitCode, output } = await folder.run(['test', 'staff']);
    expect(output).toContain('  ok   hello\n');
    expect(exitCode).toBe(0);
  });

  test('gets an empty list of events with --update, though the mapping fails with it', async () => {
    write();
    folder.append('integrations/staff/mapping.jsonata', ' & $error("no event")');
    await folder.run(['test', 'staff', '--update']);
    expect(JSON.parse(readFileSync(folder.path('integrations/staff/expected/hello.json'), 'utf8'))).toEqual([]);
  });
});

test('fails when a sample cannot be signed, with --update, too, which leaves its expected events', async () => {
  writeIntegration(folder, { verify: signedWithTime.replace('{header.X-Time}', '{header.X-Time}{header.X-Other}') });
  const { exitCode, output } = await folder.run(['test', 'staff', '--update']);
  expect(exitCode).toBe(1);
  expect(output).toContain('signed: cannot be signed: the request has no header.X-Other, which is signed');
  expect(JSON.parse(readFileSync(folder.path('integrations/staff/expected/created.json'), 'utf8'))).toHaveLength(1);
});

test('fails when no case is for a sample, and says so', async () => {
  writeIntegration(folder, { verify: `{ cases: [ { when: { header.X-Version: "2" }, verify: ${signedWithTime} } ] }` });
  expect((await testStaff()).faults).toContain(
    'signed: expected verified, got rejected: no-known-signature-version (no `when` of `cases` in `verify` holds for the request)',
  );
});

describe('notes probable mistakes:', () => {
  const notesOf = async () => {
    const { output } = await folder.run(['test', 'staff', '--json']);
    const { exitCode } = await folder.run(['test', 'staff']);
    const [report] = (JSON.parse(output) as { integrations: { notes: string[]; faults: unknown[] }[] }).integrations;
    return { exitCode, notes: report?.notes ?? [], faults: report?.faults ?? [] };
  };
  const lookup = (expression: string) =>
    folder.append(
      'integrations/staff/integration.yaml',
      `routing:\n  context_lookup_field: ${expression}\n  account_context: company\n`,
    );
  beforeEach(() => writeResource(folder));

  test.each([
    [
      'a signature over less than the body',
      `{ all: [ ${hmac('key: signing_secret').replace('{body}', '{header.X-Time}')}, { freshness: { timestamp: "{header.X-Time}", unit: s, max_age_seconds: 9, max_ahead_seconds: 9 } } ] }`,
      'the signature does not cover the body',
    ],
    [
      'a signed time that no check reads',
      hmac('key: signing_secret').replace('{body}', '{header.X-Time}.{body}'),
      'header.X-Time is signed, but no freshness check reads it',
    ],
    [
      'an escape sequence that is not a line break',
      hmac('key: signing_secret').replace('"{body}"', String.raw`'a\n{body}'`),
      'holds a backslash and a letter',
    ],
  ])('%s', async (_, verify, note) => {
    writeIntegration(folder, {
      verify,
      sample: { headers: { 'X-Time': '{{timestamp}}' }, body: { verb: 'created', id: '7' } },
    });
    expect(await notesOf()).toMatchObject({ exitCode: 0, notes: [expect.stringContaining(note)] });
  });

  test('a nonce instead of the body', async () => {
    writeIntegration(folder, {
      verify: hmac('key: signing_secret').replace('{body}', '{header.X-Token}'),
      more: ', nonce: { value: "{header.X-Token}" }',
      sample: { headers: { 'X-Token': 'once' }, body: { verb: 'created', id: '7' } },
    });
    expect(await notesOf()).toMatchObject({ exitCode: 0, notes: [] });
  });

  test('a resource whose name resembles one with a schema', async () => {
    writeIntegration(folder);
    folder.write(
      'integrations/staff/mapping.jsonata',
      '{ "event_type": "created", "raw_event_type": "c", "resource": "hris/employes", "record_id": "7" }',
    );
    const { output } = await folder.run(['test', 'staff', '--update']);
    expect(output).toContain('hris/employes.json Did you mean "hris/employees"?\n');
  });

  test('a sample that does not name its account, while another does', async () => {
    writeIntegration(folder);
    lookup('body.company');
    folder.write('integrations/staff/samples/other.json', { body: { verb: 'created', id: '7', company: 'c1' } });
    await folder.run(['test', 'staff', '--update']);
    expect(await notesOf()).toMatchObject({
      exitCode: 0,
      notes: [expect.stringMatching(/^routing: no "company" in created: /)],
    });
  });

  test('fails when no sample with events names its account', async () => {
    writeIntegration(folder);
    lookup('body.compny');
    expect(await notesOf()).toMatchObject({
      exitCode: 1,
      faults: [{ line: 10, column: 25, path: 'routing.context_lookup_field' }],
    });
  });

  test('fails when ingress would find another account than the mapping', async () => {
    writeIntegration(folder);
    lookup('body.id\n  secrets: account\n  context: "{json.verb}"');
    const { faults } = await testStaff();
    expect(faults).toEqual(['context gives "created", context_lookup_field "7": expected the same of both']);
  });

  test('fails when a request of several accounts has an event without an account', async () => {
    writeIntegration(folder);
    lookup(`'["c1", "c2"]'`);
    const { faults } = await testStaff();
    expect(faults).toEqual(['names 2 contexts, but an event says not whose it is: expected its context']);
  });
});
