import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { z } from 'zod';
import type { AnswerOf, BodyOf, OperationShape, QueryOf } from '../../../engine/api/operation.ts';
import type { OperationId, Operations } from '../../../engine/api/operations.ts';
import type { AuditedChange } from '../../../flows/access/audit-call.ts';
import type { Principal } from '../../../flows/access/identify-caller.ts';
import type { AuditEntry } from '../../../ports/tenants/audit-log.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { Cursors } from './cursors.ts';

/** One checked request of the API: its caller is known, and its parameters, query and body are valid. */
export interface ApiCall<Id extends OperationId = OperationId> {
  /** Path parameters by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: QueryOf<Operations[Id]>;
  readonly body: BodyOf<Operations[Id]>;
  /** For a public operation, a principal without a key. */
  readonly principal: Principal;
  readonly cursors: Cursors;
  /** Where the request comes from, for operations that write to the audit log themselves. */
  readonly source: AuditEntry['source'];
  /** The request as it came, for operations that pass it on. */
  readonly raw: RawRequest;
  /** Part of the id of what the call creates, so that a retry finds it. Undefined without an `Idempotency-Key`. */
  readonly stableId: string | undefined;
}

export interface RawRequest {
  readonly method: OperationShape['method'];
  /** Without the question mark. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Members that calls of all operations share. */
export type AnyCall = Pick<ApiCall, 'params' | 'principal'>;

/** Members of an answer besides status and body. */
interface AnswerExtras {
  readonly headers?: Readonly<Record<string, string>>;
  /** What the call changed, for the audit log. Absent if it changed nothing. */
  readonly change?: AuditedChange;
}

/** An answer that the operation declares. */
export type ApiAnswer<Id extends OperationId> = AnswerOf<Operations[Id]> & AnswerExtras;

/** An answer of any operation. */
export type AnyAnswer = AnswerExtras & {
  readonly status: number;
  readonly body: unknown;
  /** The body of an answer that is passed on, in the place of `body`. */
  readonly raw?: Buffer;
};

/** Handlers of operations, by operation id. */
export type Handlers<Ids extends OperationId> = {
  readonly [Id in Ids]: (call: ApiCall<Id>) => Promise<ApiAnswer<Id>>;
};

/** The text of a request's body. */
export function bodyText({ body, isBase64Encoded }: APIGatewayProxyEventV2): string {
  return Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8').toString('utf8');
}

/**
 * Check a query or a body against its schema.
 *
 * @throws {ProblemError} with all faults.
 */
export function check<T>(schema: z.ZodType<T>, value: unknown, status: 400 | 422): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  const what = status === 400 ? 'query parameters are' : 'body is';
  throw new ProblemError({ status, detail: `The ${what} not valid for this route.`, extensions: { errors } });
}

/** The 422 for a member that conflicts with the rest of the body, or with stored state. */
export function bodyProblem(path: string, message: string): ProblemError {
  return new ProblemError({
    status: 422,
    detail: 'The body is not valid for this route.',
    extensions: { errors: [{ path, message }] },
  });
}
