import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignatureV4 } from '@smithy/signature-v4';
import { SigningSha256 } from '../../lambdas/adapters/aws/client-settings.ts';
import type { AwsCredentials } from '../../lambdas/adapters/aws/destinations/signed-post.ts';

export interface AwsRequest {
  readonly service: string;
  readonly region: string;
  readonly target: string | undefined;
  readonly body: string;
  readonly credentials: AwsCredentials;
}

export interface AwsAnswer {
  readonly status: number;
  readonly body: string;
  readonly delayMs?: number;
}

/** A stand-in for AWS that verifies the signature of each request. */
export interface AwsStandIn {
  readonly endpoint: string;
  /** All requests whose signatures are valid. */
  readonly requests: AwsRequest[];
  /** Credentials that may sign, by access key. */
  readonly known: Map<string, AwsCredentials>;
  answerWith(answer: (request: AwsRequest) => AwsAnswer): void;
  stop(): Promise<void>;
}

const invalid: AwsAnswer = {
  status: 403,
  body: JSON.stringify({ __type: 'InvalidSignatureException', message: 'The signature does not match.' }),
};

export async function startAwsStandIn(): Promise<AwsStandIn> {
  const requests: AwsRequest[] = [];
  const known = new Map<string, AwsCredentials>();
  let answer: (request: AwsRequest) => AwsAnswer = () => ({ status: 200, body: '{}' });
  const serve = async (incoming: IncomingMessage): Promise<AwsAnswer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
    const signed = await verify(headers, body, known);
    if (signed === undefined) return invalid;
    const request = { ...signed, target: headers['x-amz-target'], body };
    requests.push(request);
    return answer(request);
  };
  const server = createServer((incoming, response) => {
    serve(incoming).then(
      ({ status, body, delayMs = 0 }) => setTimeout(() => response.writeHead(status).end(body), delayMs),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    known,
    answerWith(next) {
      answer = next;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Sign the request again, with what its authorization names. @returns Undefined when the signatures differ. */
async function verify(
  headers: Readonly<Record<string, string>>,
  body: string,
  known: ReadonlyMap<string, AwsCredentials>,
): Promise<Pick<AwsRequest, 'service' | 'region' | 'credentials'> | undefined> {
  const [, accessKeyId = '', region = '', service = '', names = '', signature] =
    /Credential=([^/]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)$/.exec(
      headers['authorization'] ?? '',
    ) ?? [];
  const credentials = known.get(accessKeyId);
  const date = headers['x-amz-date'] ?? '';
  if (credentials === undefined || headers['x-amz-security-token'] !== credentials.sessionToken) return undefined;
  const signer = new SignatureV4({
    credentials: { accessKeyId, secretAccessKey: credentials.secretAccessKey },
    region,
    service,
    sha256: SigningSha256,
  });
  const signedNames = names.split(';');
  const again = await signer.sign(
    {
      method: 'POST',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path: '/',
      query: {},
      headers: Object.fromEntries(signedNames.map((name) => [name, headers[name] ?? ''])),
      body,
    },
    { signingDate: new Date(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')) },
  );
  const covers = ['host', 'x-amz-date', 'content-type', 'x-amz-content-sha256'].every((name) =>
    signedNames.includes(name),
  );
  const isSame = again.headers['authorization']?.endsWith(`Signature=${signature}`) === true;
  return isSame && covers ? { service, region, credentials } : undefined;
}
