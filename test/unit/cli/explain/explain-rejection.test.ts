import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { nowMs, signedWithTime, useIntegrationsFolder, writeIntegration } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();
const body = '{"verb":"created","id":"7"}';
const time = String(nowMs / 1000);
const hexKey = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';

beforeEach(() => writeIntegration(folder));

interface Explained {
  readonly exitCode: number;
  readonly reason: string;
  readonly detail?: string;
  readonly signed?: readonly {
    readonly check: string;
    readonly reason: string;
    readonly messages: readonly { readonly text: string; readonly bytes: number }[];
    readonly keys: number;
    readonly hints: readonly string[];
  }[];
  readonly times?: readonly { readonly age_seconds?: number; readonly hints: readonly string[] }[];
  readonly output: string;
}

async function verify(request: object, secret: string | readonly string[] = hexKey): Promise<Explained> {
  const files = [
    folder.write('request.json', request),
    '--secrets',
    folder.write('secrets.json', { signing_secret: secret }),
  ];
  const { exitCode, output } = await folder.run(['verify', 'staff', ...files, '--json']);
  return { exitCode, ...(JSON.parse(output) as Omit<Explained, 'exitCode' | 'output'>), output };
}

interface Signing {
  readonly key?: string | Buffer;
  readonly algorithm?: string;
  readonly encoding?: 'hex' | 'base64' | 'base64url';
}
const mac = (message: string, { key = hexKey, algorithm = 'sha256', encoding = 'hex' }: Signing = {}) =>
  createHmac(algorithm, key).update(message).digest(encoding);
const headers = (signature: string, at = time) => ({ 'X-Time': at, 'X-Signature': `v1=${signature}` });

test('a signature that does not match is explained with the signed message and the number of keys, without the valid signature', async () => {
  const request = { headers: headers(mac('something else')), body };
  const { signed, output } = await verify(request, [hexKey, 'the next one']);
  expect(signed).toEqual([
    {
      check: 'webhook.verify.all.0.hmac',
      reason: 'signature-mismatch',
      algorithm: 'sha256',
      encoding: 'hex',
      messages: [{ text: JSON.stringify(`${time}.${body}`), bytes: time.length + 1 + body.length }],
      keys: 2,
      hints: [expect.stringMatching(/^no other reading of the key/)],
    },
  ]);
  for (const secret of [hexKey, mac(`${time}.${body}`)]) expect(output).not.toContain(secret);
});

describe('names the change that would make a signature match:', () => {
  const message = `${time}.${body}`;
  test.each([
    ['the key is hex', mac(message, { key: Buffer.from(hexKey, 'hex') }), 'the key decoded as hex'],
    ['the key is base64', mac(message, { key: Buffer.from(hexKey, 'base64') }), 'the key decoded as base64'],
    ['another encoding', mac(message, { encoding: 'base64' }), 'encoding: base64'],
    ['another algorithm', mac(message, { algorithm: 'sha512' }), 'algorithm: sha512'],
    ['both', mac(message, { algorithm: 'sha1', encoding: 'base64' }), 'algorithm: sha1 and encoding: base64'],
    ['a line break was lost', mac(`${message}\n`), 'another line break (LF) at the end of the body'],
    ['only the body is signed', mac(body), 'message: "{body}"'],
    ['another separator', mac(`${time}:${body}`), 'message: "{header.X-Time}:{body}"'],
    ['another order', mac(`${body}.${time}`), 'message: "{body}.{header.X-Time}"'],
    [
      'two changes',
      mac(`${time}${body}`, { key: Buffer.from(hexKey, 'hex') }),
      'the key decoded as hex, and message: "{header.X-Time}{body}"',
    ],
  ])('%s', async (_, signature, change) => {
    const { exitCode, signed } = await verify({ headers: headers(signature), body });
    expect(exitCode).toBe(1);
    expect(signed?.[0]?.hints).toEqual([`would match with ${change}`]);
  });

  test('line breaks were changed', async () => {
    const sent = '{"verb":"created",\r\n"id":"7"}\r\n';
    const request = { headers: headers(mac(`${time}.${sent}`)), body: sent.replaceAll('\r\n', '\n') };
    expect((await verify(request)).signed?.[0]?.hints).toContain(
      'would match with the line breaks of the body as CRLF, not LF',
    );
  });

  test('the secret has a prefix, or white space around it', async () => {
    const bytes = Buffer.from(hexKey, 'hex');
    const request = { headers: headers(mac(message, { key: bytes })), body };
    expect((await verify(request, `whsec_${bytes.toString('base64')}`)).signed?.[0]?.hints).toEqual([
      'would match with the key without its prefix "whsec_", decoded as base64',
    ]);
    expect((await verify({ headers: headers(mac(message)), body }, `${hexKey}\n`)).signed?.[0]?.hints).toEqual([
      'would match with the secret without the white space around it',
    ]);
  });
});

test('a signature in another form is described by its form', async () => {
  const other = { key: 'another secret', encoding: 'base64' as const };
  const { reason, detail, signed } = await verify({ headers: headers(mac(body, other)), body });
  expect({ reason, detail }).toEqual({ reason: 'signature-malformed', detail: 'hex' });
  expect(signed?.[0]?.hints).toEqual([
    expect.stringMatching(/^the signature is written as base64.* of 32 bytes, as sha256 has$/),
  ]);
  const unknown = await verify({ headers: { 'X-Time': time, 'X-Signature': 'v2=00' }, body });
  expect(unknown.signed?.[0]?.hints).toEqual(['no part of it begins with "v1="; they begin with "v2="']);
});

test('secrets within a message are masked', async () => {
  writeIntegration(folder, {
    verify:
      '{ digest: { algorithm: sha256, encoding: hex, message: "{secret.signing_secret}{body}", signature: "{header.X-Signature}" } }',
  });
  const { signed, output } = await verify({ headers: { 'X-Signature': '0'.repeat(64) }, body });
  expect(signed?.[0]).toMatchObject({
    messages: [{ text: JSON.stringify(`<secret.signing_secret>${body}`), bytes: hexKey.length + body.length }],
    keys: 1,
  });
  expect(output).not.toContain(hexKey);
});

test('only the first 300 characters of a message are shown', async () => {
  const long = JSON.stringify({ verb: 'x'.repeat(500) });
  const [explained] = (await verify({ headers: headers(mac('')), body: long })).signed ?? [];
  expect(explained?.messages[0]?.text).toMatch(/^"[^]{300,310}"…$/);
  expect(explained?.messages[0]?.bytes).toBe(time.length + 1 + long.length);
});

test('a backslash and an n are distinguished from a line break', async () => {
  writeIntegration(folder, {
    verify: String.raw`{ hmac: { algorithm: sha256, encoding: hex, key: signing_secret, message: '{header.X-Time}\n{body}', signature: "{header.X-Signature}" } }`,
  });
  const request = (signature: string) => ({ headers: { 'X-Time': time, 'X-Signature': signature }, body });
  expect((await verify(request(mac(`${time}\n${body}`)))).signed?.[0]?.hints).toContain(
    String.raw`would match with message: "{header.X-Time}\n{body}"`,
  );
  expect((await verify(request(mac('else')))).signed?.[0]?.hints).toEqual([
    expect.stringContaining('a backslash and an n'),
  ]);
});

describe('a time', () => {
  test('out of bounds is shown with its age and the time at which the request is fresh', async () => {
    const old = '1795000000';
    const { reason, detail, times } = await verify({ headers: headers(mac(`${old}.${body}`), old), body });
    expect({ reason, detail }).toEqual({ reason: 'timestamp-too-old', detail: 'older than 300 s' });
    expect(times).toEqual([
      {
        check: 'webhook.verify.all.1.freshness',
        reason: 'timestamp-too-old',
        given: old,
        unit: 's',
        age_seconds: nowMs / 1000 - Number(old),
        hints: ['to verify a captured request at the time of its capture, pass --now 2026-11-18T11:06:40Z'],
      },
    ]);
  });

  test.each([
    ['s', String(nowMs), 'it looks like ms, but the declared unit is s'],
    ['ms', time, 'it looks like s, but the declared unit is ms'],
    ['s', '2026-11-22T12:00:00Z', 'it looks like iso8601, but the declared unit is s'],
  ])('in another unit than %s is recognized: %s', async (unit, given, hint) => {
    writeIntegration(folder, { verify: signedWithTime.replace('unit: s', `unit: ${unit}`) });
    const { times } = await verify({ headers: headers(mac(`${given}.${body}`), given), body });
    expect(times?.[0]?.hints[0]).toBe(hint);
  });
});

test('a part that the request lacks is named', async () => {
  expect(await verify({ headers: { 'X-Time': time }, body })).toMatchObject({
    reason: 'header-missing',
    detail: '{header.X-Signature}',
  });
});

test('the text output has the same content in lines', async () => {
  const files = [folder.write('request.json', { headers: headers(mac(body)), body }), '--secrets'];
  const { output } = await folder.run([
    'verify',
    'staff',
    ...files,
    folder.write('secrets.json', { signing_secret: hexKey }),
  ]);
  expect(output.split('\n').slice(0, 4)).toEqual([
    'rejected: signature-mismatch',
    'webhook.verify.all.0.hmac: signature-mismatch: sha256 in hex, 1 key tried',
    `  signed (${time.length + 1 + body.length} bytes): ${JSON.stringify(`${time}.${body}`)}`,
    '  hint: would match with message: "{body}"',
  ]);
});

test('fails when a handshake with its own checks fails, and explains those', async () => {
  writeIntegration(folder, {
    more: ', handshakes: [{ name: hello, when: { json.verb: hello }, verify: { hmac: { algorithm: sha1, encoding: hex, key: signing_secret, message: "{body}", signature: "{header.X-Hello}" } }, respond: {} }]',
  });
  const { signed } = await verify({ headers: { 'X-Hello': '0'.repeat(40) }, body: '{"verb":"hello"}' });
  expect(signed?.[0]?.check).toBe('webhook.handshakes.0.verify.hmac');
});
