import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AccessGuard, Refusal } from '../iam/access-guard.ts';
import { dynamodbCalls } from '../iam/dynamodb-calls.ts';

type Listener = (...values: unknown[]) => void;
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Put a guard in front of dynalite. Dynalite reads requests itself, so the guard sees the body as it arrives and calls
 * dynalite's `end` listener only if it allows the request. Buffering and replaying requests would cost more.
 */
export function guardDynalite(server: Server, guard: AccessGuard): void {
  const handle = server.listeners('request')[0] as Handler;
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    const signed = { authorization: request.headers.authorization, url: request.url ?? '/' };
    if (guard.restricts(signed)) {
      const target = request.headers['x-amz-target'];
      beforeEnd(request, (body) => {
        const refusal = guard.refuse(signed, (keyOf, partitionKeyOf) =>
          dynamodbCalls(typeof target === 'string' ? target : '', parseJson(body), keyOf, partitionKeyOf),
        );
        if (refusal === undefined) return true;
        answer(response, refusal);
        return false;
      });
    }
    handle(request, response);
  });
}

/** Call `mayEnd` with the whole body before each `end` listener that is added later. */
function beforeEnd(request: IncomingMessage, mayEnd: (body: Buffer) => boolean): void {
  const chunks: Buffer[] = [];
  const add = request.on.bind(request) as (event: string, listener: Listener) => IncomingMessage;
  add('data', (chunk) => chunks.push(chunk as Buffer));
  request.on = ((event: string, listener: Listener) => {
    if (event !== 'end') return add(event, listener);
    return add(event, () => {
      const [first = Buffer.alloc(0), ...more] = chunks;
      if (mayEnd(more.length === 0 ? first : Buffer.concat(chunks))) listener();
    });
  }) as IncomingMessage['on'];
}

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html */
function answer(response: ServerResponse, { kind, message }: Refusal): void {
  const type = kind === 'access-denied' ? 'AccessDeniedException' : 'UnrecognizedClientException';
  const body = JSON.stringify({ __type: `com.amazon.coral.service#${type}`, Message: message });
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
