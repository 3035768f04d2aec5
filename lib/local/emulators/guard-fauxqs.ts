import { randomUUID } from 'node:crypto';
import type { buildApp } from 'fauxqs';
import type { AccessGuard, Refusal } from '../iam/access-guard.ts';
import { absenceCall, s3Calls } from '../iam/s3-calls.ts';
import { sqsCalls } from '../iam/sqs-calls.ts';

type App = ReturnType<typeof buildApp>;

const sqsErrors = {
  'access-denied': { type: 'AccessDeniedException', code: 'AccessDenied' },
  'unknown-credentials': { type: 'UnrecognizedClientException', code: 'InvalidClientTokenId' },
} as const;

/** Put a guard in front of fauxqs's routes, after it has parsed a request and before it acts on it. */
export function guardFauxqs(app: App, guard: AccessGuard): void {
  app.addHook('preHandler', (request, reply, done) => {
    const { method, url, headers, body } = request;
    const signed = { authorization: headers.authorization, url };
    if (!guard.restricts(signed)) return done();
    const service = serviceOf(method, url, headers['content-type']);
    const refusal = guard.refuse(signed, (keyOf) => {
      if (service === 's3') return s3Calls({ method, url, headers, body }, keyOf);
      const target = headers['x-amz-target'];
      if (service === 'sqs') return sqsCalls(typeof target === 'string' ? target : '', body, keyOf);
      return { kind: 'unknown', operation: `sns or sts: ${String((body as { Action?: unknown } | null)?.Action)}` };
    });
    if (refusal === undefined) return done();
    if (service === 's3')
      reply
        .code(403)
        .type('application/xml')
        .send(method === 'HEAD' ? undefined : toXml(refusal));
    else if (service === 'sqs') {
      const { type, code } = sqsErrors[refusal.kind];
      // The SDK reads the error code from the header, in which SQS keeps the codes of its older protocol.
      reply.code(403).header('x-amzn-query-error', `${code};Sender`).type('application/x-amz-json-1.0');
      reply.send(JSON.stringify({ __type: `com.amazon.coral.service#${type}`, message: refusal.message }));
    } else reply.code(403).type('text/plain').send(refusal.message);
  });

  // A caller that may not list a bucket must not learn that an object does not exist.
  app.addHook('onSend', (request, reply, payload, done) => {
    const { method, url, headers } = request;
    const signed = { authorization: headers.authorization, url };
    const call = reply.statusCode === 404 ? absenceCall({ method, url, headers }) : undefined;
    const isAbsence = method === 'HEAD' || (typeof payload === 'string' && payload.includes('<Code>NoSuchKey</Code>'));
    if (call === undefined || !isAbsence || !guard.restricts(signed)) return done(null, payload);
    const refusal = guard.refuse(signed, () => ({ kind: 'calls', calls: [call] }));
    if (refusal === undefined) return done(null, payload);
    reply.code(403);
    done(null, method === 'HEAD' ? payload : toXml(refusal));
  });
}

/** Objects may have any content type; only a POST to the root belongs to another service. */
function serviceOf(method: string, url: string, contentType = ''): 'sqs' | 's3' | 'other' {
  if (method !== 'POST' || !/^\/(\?|$)/.test(url)) return 's3';
  return contentType.includes('application/x-amz-json-1.0') ? 'sqs' : 'other';
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
function toXml({ kind, message }: Refusal): string {
  const code = kind === 'access-denied' ? 'AccessDenied' : 'InvalidAccessKeyId';
  const escaped = message.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<Error><Code>${code}</Code><Message>${escaped}</Message><RequestId>${randomUUID()}</RequestId></Error>`
  );
}
