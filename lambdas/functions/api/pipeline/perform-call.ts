import { answerOnce, type RepeatableRequest } from '../../../flows/access/answer-idempotently.ts';
import { auditCall } from '../../../flows/access/audit-call.ts';
import type { StoredAnswer } from '../../../ports/tenants/idempotency-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import { type AnyAnswer, type ApiCall, bodyText } from './api-call.ts';
import { type ApiRequest, type PipelineContext, sourceOf } from './api-request.ts';
import { limitOf, parsed } from './read-call.ts';
import { conditional, isTooLarge, type Result, toResult, written } from './write-answer.ts';

/** The handler of one operation, without its types. */
export type AnyHandler = (call: ApiCall) => Promise<AnyAnswer>;

/** A request that passed all checks. */
export interface CheckedRequest extends ApiRequest {
  readonly call: Omit<ApiCall, 'stableId'>;
  /** Undefined for a request without an Idempotency-Key. */
  readonly repeatable: RepeatableRequest | undefined;
}

/** Run the handler: at most once for an Idempotency-Key, and for a GET until its page fits into an answer. */
export async function performCall(
  context: PipelineContext,
  request: CheckedRequest,
  handle: AnyHandler,
): Promise<Result> {
  const { shape, event, call, repeatable } = request;
  const perform = async (stableId?: string) =>
    written(await runAudited(context, request, { ...call, stableId }, handle));
  if (shape.isRaw === true && repeatable === undefined) return toResult(await perform());
  if (shape.method === 'GET') return conditional(await readPage(call.query, perform), event.headers['if-none-match']);
  return toResult(repeatable === undefined ? await perform() : await performOnce(context.ports, repeatable, perform));
}

/** Read a page. While it is larger than a function may answer, read it again with half as many entries. */
async function readPage(query: unknown, perform: () => Promise<StoredAnswer>): Promise<StoredAnswer> {
  let page = await perform();
  for (let limit = limitOf(query); limit > 1 && isTooLarge(page); limit = limitOf(query)) {
    Object.assign(query as object, { limit: Math.floor(limit / 2) });
    page = await perform();
  }
  return page;
}

/** Run the handler between two writes to the audit log: that the call begins, and how it ended. */
async function runAudited(
  { ports, warn }: PipelineContext,
  { id, shape, event }: ApiRequest,
  call: ApiCall,
  handle: AnyHandler,
): Promise<AnyAnswer> {
  const { isAudited = shape.method !== 'GET' } = shape;
  if (!isAudited) return handle(call);
  const { keyId, tenant, tokenId } = call.principal;
  const object = /^\/v1\/([^/]+(?:\/[^/]+)?)/.exec(event.rawPath)?.[1] ?? event.rawPath;
  return auditCall(
    ports,
    {
      operation: id,
      object,
      tenant,
      actor: { key: keyId, token: tokenId },
      source: sourceOf(event),
      // Names from the checked body only: a route without a body records none.
      fields: shape.body === undefined ? [] : Object.keys(parsed(bodyText(event)) ?? {}).slice(0, 100),
    },
    async () => {
      const answer = await handle(call);
      return { answer, status: answer.status, change: answer.change };
    },
    {
      statusOf: (error) => (error instanceof ProblemError ? error.problem.status : 500),
      warn: warn('the end of a call could not be added to the audit log'),
    },
  );
}

/** @throws {ProblemError} 409 for an Idempotency-Key that names another request, or one that still runs. */
async function performOnce(
  ports: ApiPorts,
  request: RepeatableRequest,
  perform: (stableId: string) => Promise<StoredAnswer>,
): Promise<StoredAnswer> {
  const isRefusal = (error: unknown) => error instanceof ProblemError && error.problem.status < 500;
  const outcome = await answerOnce(ports, request, perform, isRefusal);
  switch (outcome.kind) {
    case 'answered':
      return outcome.answer;
    case 'repeated':
      return { ...outcome.answer, headers: { ...outcome.answer.headers, 'idempotent-replayed': 'true' } };
    case 'mismatch':
      throw new ProblemError({
        status: 409,
        detail: 'This Idempotency-Key was used for another request.',
        extensions: { reason: 'idempotency-key-reused' },
      });
    case 'in-progress':
      throw new ProblemError({
        status: 409,
        detail: 'A request with this Idempotency-Key is still running.',
        extensions: { reason: 'idempotency-key-in-use' },
        headers: { 'retry-after': String(Math.ceil(outcome.retryAfterMs / 1000)) },
      });
  }
}
