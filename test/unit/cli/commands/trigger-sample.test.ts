import { createHmac, generateKeyPairSync, verify } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { demoSecret } from '../../../../lib/local/simulators/demo-keys.ts';
import { useIntegrationsFolder, writeIntegration } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();

interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}
let sent: Sent[];
beforeEach(() => {
  sent = [];
});

async function trigger(argv: readonly string[], answer = new Response('', { status: 200 })) {
  return folder.run(['trigger', 'staff', ...argv], {
    fetch: (url, { method = '', headers, body }) => {
      sent.push({ url, method, headers: headers as Record<string, string>, body: Buffer.from(body as Uint8Array) });
      return Promise.resolve(answer);
    },
  });
}

const macOf = (secret: string, { headers, body }: Sent) =>
  `v1=${createHmac('sha256', secret).update(`${headers['x-time']}.`).update(body).digest('hex')}`;

test('signs the sample with the secret of the demo and sends it to the account of the demo', async () => {
  writeIntegration(folder);
  expect(await trigger(['created'])).toEqual({
    exitCode: 0,
    output: 'POST http://localhost:8787/in/staff/acc_demo_staff\nanswered 200\n',
  });
  const [request] = sent as [Sent];
  expect(request.headers).toMatchObject({ 'x-time': '1795348800', 'x-signature': macOf(demoSecret, request) });
});

test('signs with other secrets and sends to another URL, which may be part of the signed message', async () => {
  writeIntegration(folder, {
    verify:
      '{ hmac: { algorithm: sha256, encoding: hex, key: signing_secret, message: "{url}", signature: "{header.X-Signature}" } }',
    sample: { query: 'b=2', body: {} },
  });
  await trigger([
    'created',
    '--url',
    'https://x.example/in/staff/acc_1?a=1',
    '--secret',
    'signing_secret=a=b',
    '--json',
  ]);
  const url = 'https://x.example/in/staff/acc_1?a=1&b=2';
  const mac = createHmac('sha256', 'a=b').update(url).digest('hex');
  expect(sent).toMatchObject([{ url, headers: { 'x-signature': mac } }]);
});

test('signs with a private key from a file', async () => {
  writeIntegration(folder, {
    verify:
      '{ public_key: { algorithm: ed25519, encoding: hex, key: signing_secret, message: "{body}", signature: "{header.X-Signature}" } }',
  });
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const file = folder.write('key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  expect((await trigger(['created', '--secret', `signing_secret=@${file}`])).exitCode).toBe(0);
  const [{ body, headers }] = sent as [Sent];
  expect(verify(null, body, publicKey, Buffer.from(headers['x-signature'] ?? '', 'hex'))).toBe(true);
  // Without one it signs like the demo's provider, whose public key the demo's account holds.
  expect((await trigger(['created'])).exitCode).toBe(0);
});

test('fails when the engine rejects the webhook, and prints its answer', async () => {
  writeIntegration(folder);
  const { exitCode, output } = await trigger(['created', '--json'], new Response('{"reason":"x"}', { status: 401 }));
  expect(exitCode).toBe(1);
  expect(JSON.parse(output)).toMatchObject({ status: 401, body: '{"reason":"x"}' });
});

test('fails when the engine does not answer, and suggests a reason', async () => {
  writeIntegration(folder);
  const fetch = () => Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }));
  expect(await folder.run(['trigger', 'staff', 'created'], { fetch })).toEqual({
    exitCode: 1,
    output: 'http://localhost:8787/in/staff/acc_demo_staff cannot be reached (ECONNREFUSED). Is "npm start" running?\n',
  });
});

test.each([
  ['there is no such sample', ['crated'], 'Did you mean "created"?'],
  ['a secret is unknown', ['created', '--secret', 'signing_secert=x'], 'Did you mean "signing_secret"?'],
  [
    'the file of a secret is missing',
    ['created', '--secret', 'signing_secret=@/none'],
    '/none cannot be read: ENOENT.',
  ],
  ['the URL is malformed', ['created', '--url', 'localhost:8787'], 'expected an absolute http or https URL'],
])('fails when %s, and sends nothing', async (_, argv, message) => {
  writeIntegration(folder);
  expect(await trigger(argv)).toEqual({ exitCode: 2, output: expect.stringContaining(message) });
  expect(sent).toEqual([]);
});
