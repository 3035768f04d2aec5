import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SSMClient } from '@aws-sdk/client-ssm';
import { expect, onTestFinished, test } from 'vitest';
import { readSsmParameter } from '../../../../lambdas/adapters/aws/ssm-parameter.ts';
import { createOtlpExporter } from '../../../../lambdas/adapters/http/otlp-exporter.ts';
import { headersIn } from '../../../../lambdas/functions/invocation/spans.runtime.ts';

async function serve(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const exporterTo = (endpoint: string, headers = async (): Promise<Record<string, string>> => ({}), timeoutMs = 5_000) =>
  createOtlpExporter({ endpoint, headers, timeoutMs });

test('posts the body with the headers of the collector, which it reads once', async () => {
  const requests: IncomingMessage[] = [];
  const url = await serve((request, response) => {
    requests.push(request);
    response.writeHead(200).end('{}');
  });
  let reads = 0;
  const exporter = exporterTo(`${url}/v1/traces`, async () => {
    reads += 1;
    return { authorization: 'Bearer abc' };
  });
  expect(await exporter.export('{}')).toEqual({ kind: 'taken' });
  expect(await exporter.export('{}')).toEqual({ kind: 'taken' });
  expect(reads).toBe(1);
  expect(requests[0]).toMatchObject({ method: 'POST', url: '/v1/traces' });
  expect(requests[0]?.headers).toMatchObject({ authorization: 'Bearer abc', 'content-type': 'application/json' });
});

test('reads the headers again after the collector has refused them', async () => {
  let reads = 0;
  const url = await serve(
    (request, response) => void response.writeHead(request.headers['x-key'] === '2' ? 200 : 401).end(),
  );
  const exporter = exporterTo(url, async () => ({ 'x-key': String(++reads) }));
  expect(await exporter.export('{}')).toEqual({ kind: 'failed', reason: 'the collector answered 401' });
  expect(await exporter.export('{}')).toEqual({ kind: 'taken' });
});

test('fails when the collector, or the reading of its headers, hangs: after its time', async () => {
  const hanging = await serve(() => undefined);
  const late = { kind: 'failed', reason: 'the collector did not answer within 50 ms' };
  expect(await exporterTo(hanging, undefined, 50).export('{}')).toEqual(late);
  expect(await exporterTo(hanging, async () => new Promise(() => undefined), 50).export('{}')).toEqual(late);
});

test('fails when the collector cannot be reached, redirects, or its headers cannot be read, and quotes none', async () => {
  expect(await exporterTo('http://127.0.0.1:1').export('{}')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('cannot be reached'),
  });
  const redirecting = await serve(
    (_, response) => void response.writeHead(307, { location: 'http://127.0.0.1:1' }).end(),
  );
  expect(await exporterTo(redirecting, async () => ({ 'x-key': 'secret' })).export('{}')).toMatchObject({
    kind: 'failed',
  });
  const failing = exporterTo('http://127.0.0.1:1', async () => {
    throw new Error('x-key=secret');
  });
  expect(JSON.stringify(await failing.export('{}'))).not.toContain('secret');
});

test('the headers come from an SSM parameter, decrypted', async () => {
  const bodies: string[] = [];
  let value = 'x-key=a%20b';
  const endpoint = await serve((request, response) => {
    request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
    request.on('end', () =>
      response
        .writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
        .end(JSON.stringify({ Parameter: { Name: '/tributary/otlp', Value: value } })),
    );
  });
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const client = new SSMClient({ endpoint, region: 'eu-central-1', credentials });
  expect(headersIn('/tributary/otlp', await readSsmParameter('/tributary/otlp', client))).toEqual({ 'x-key': 'a b' });
  expect(JSON.parse(bodies[0] ?? '')).toEqual({ Name: '/tributary/otlp', WithDecryption: true });
  value = 'secret without a name';
  const text = await readSsmParameter('/tributary/otlp', client);
  expect(() => headersIn('/tributary/otlp', text)).toThrow(
    'the parameter /tributary/otlp must hold name=value,name=value',
  );
});
