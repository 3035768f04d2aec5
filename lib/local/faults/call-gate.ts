import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  request as sendRequest,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseStatement } from '../partiql-statement.ts';

export type GatedService = 'dynamodb' | 'sqs' | 's3' | 'eventbridge';

/** One request that a function, or the poller of its queue, makes to AWS. */
export interface GatedCall {
  /** The function's label (`normalize`), or `poller`. */
  readonly caller: string;
  readonly service: GatedService;
  /** `PutItem`, `SendMessageBatch`, `PutObject`. */
  readonly operation: string;
  /** Physical name of the table, queue or bucket; empty where the request names none. */
  readonly resource: string;
  /** The same for all tries that the SDK makes at one call. */
  readonly invocationId: string;
}

/** What becomes of a request. */
export type CallFault =
  /** It has no effect, and its connection ends. */
  | { readonly kind: 'refused' }
  /** It has its effect, and its connection ends without an answer. */
  | { readonly kind: 'answer-lost' }
  /** It has no effect; the service says that there are too many. */
  | { readonly kind: 'throttled' }
  /** It has its effect, and its caller is killed before the answer. */
  | { readonly kind: 'killed' }
  /** It has its effect twice; the second answer is given. */
  | { readonly kind: 'doubled' }
  | { readonly kind: 'delayed'; readonly delayMs: number };

/** Decides over each request, in the order in which they come. @returns undefined where it goes its way. */
export type JudgeCall = (call: GatedCall) => CallFault | undefined;

/** A server before an emulator, that functions take for the emulator. */
export interface CallGate {
  readonly endpoint: string;
  stop(): Promise<void>;
}

export interface CallGateOptions {
  /** Origin of the emulator. */
  readonly target: string;
  readonly judge: JudgeCall;
  /** Who has an access key; undefined for an unknown one, whose requests pass. */
  readonly callerOf: (accessKeyId: string) => string | undefined;
  /** End the sandbox in which the caller is at work. */
  readonly kill: (caller: string) => void;
}

/**
 * Start a gate on a free port of 127.0.0.1. What it lets through it passes on as it came, so that functions
 * keep the AWS clients that they have when deployed, with their retries and their timeouts.
 */
export async function startCallGate({ target, judge, callerOf, kill }: CallGateOptions): Promise<CallGate> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

  const pass = (request: IncomingMessage, body: Buffer) =>
    new Promise<Answer>((resolve, reject) => {
      const { 'transfer-encoding': _, expect: __, connection: ___, ...headers } = request.headers;
      const passed = sendRequest(
        {
          hostname,
          port,
          agent,
          method: request.method,
          path: request.url,
          headers: { ...headers, 'content-length': body.length },
        },
        (response) => {
          readAll(response).then(
            (content) => resolve({ status: response.statusCode ?? 500, headers: response.headers, body: content }),
            reject,
          );
        },
      );
      passed.once('error', reject);
      passed.end(body);
    });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(request);
    const call = describeCall(request, body, callerOf);
    const fault = call === undefined ? undefined : judge(call);
    switch (fault?.kind) {
      case 'refused':
        request.socket.destroy();
        return;
      case 'throttled':
        return send(response, throttling((call as GatedCall).service));
      case 'delayed':
        await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
        break;
      case 'doubled':
        await pass(request, body);
        break;
      case undefined:
      case 'answer-lost':
      case 'killed':
        break;
    }
    const answer = await pass(request, body);
    if (fault?.kind === 'killed') kill((call as GatedCall).caller);
    if (fault?.kind === 'killed' || fault?.kind === 'answer-lost') request.socket.destroy();
    else send(response, answer);
  };

  const server = createServer((request, response) => {
    // Who is killed, or gives up, reads no answer; what it asked for may have happened all the same.
    handle(request, response).catch(() => request.socket.destroy());
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  const { 'transfer-encoding': _, connection: __, ...kept } = headers;
  response.writeHead(status, { ...kept, ...('content-length' in kept ? {} : { 'content-length': body.length }) });
  response.end(body);
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** @returns Undefined for a request whose caller the gate does not know. */
function describeCall(
  { method = '', url = '/', headers }: IncomingMessage,
  body: Buffer,
  callerOf: CallGateOptions['callerOf'],
): GatedCall | undefined {
  const accessKeyId = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1];
  const caller = accessKeyId === undefined ? undefined : callerOf(accessKeyId);
  if (caller === undefined) return undefined;
  const invocationId = String(headers['amz-sdk-invocation-id'] ?? '');
  const [service, operation] = /^(DynamoDB|AmazonSQS|AWSEvents)\w*\.(\w+)$/
    .exec(String(headers['x-amz-target'] ?? ''))
    ?.slice(1) ?? ['S3', `${{ GET: 'Get', PUT: 'Put', HEAD: 'Head', DELETE: 'Delete' }[method] ?? method}Object`];
  const called = { caller, operation: operation as string, invocationId };
  if (service === 'S3') return { ...called, service: 's3', resource: url.split(/[/?]/)[1] ?? '' };
  const input = JSON.parse(body.toString('utf8')) as {
    readonly TableName?: string;
    readonly RequestItems?: object;
    readonly Statements?: readonly { readonly Statement?: string }[];
    readonly QueueUrl?: string;
  };
  if (service === 'DynamoDB')
    return {
      ...called,
      service: 'dynamodb',
      resource: input.TableName ?? [...tablesOf(input)].join('+'),
    };
  if (service === 'AmazonSQS')
    return { ...called, service: 'sqs', resource: (input.QueueUrl ?? '').split('/').at(-1) ?? '' };
  return { ...called, service: 'eventbridge', resource: '' };
}

/** Tables of a batch. */
function tablesOf({
  RequestItems = {},
  Statements = [],
}: {
  readonly RequestItems?: object;
  readonly Statements?: readonly { readonly Statement?: string }[];
}): ReadonlySet<string> {
  return new Set([
    ...Object.keys(RequestItems),
    ...Statements.flatMap(({ Statement }) => parseStatement(Statement)?.table ?? []),
  ]);
}

/** How each service says that it is asked too much. */
function throttling(service: GatedService): Answer {
  if (service === 's3') {
    const body = Buffer.from('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code></Error>');
    return { status: 503, headers: { 'content-type': 'application/xml' }, body };
  }
  const [type, code] = {
    dynamodb: ['com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException', undefined],
    sqs: ['com.amazonaws.sqs#RequestThrottled', 'RequestThrottled;Sender'],
    eventbridge: ['ThrottlingException', undefined],
  }[service];
  return {
    status: 400,
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      ...(code === undefined ? {} : { 'x-amzn-query-error': code }),
    },
    body: Buffer.from(JSON.stringify({ __type: type, message: 'Rate exceeded' })),
  };
}
