import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { z } from 'zod';
import type { AnswerOf, BodyOf, QueryOf } from '../../../engine/api/operation.ts';
import type { OperationId, Operations } from '../../../engine/api/operations.ts';
import type { AuditedChange } from '../../../flows/access/audit-call.ts';
import type { Principal } from '../../../flows/access/identify-caller.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { Cursors } from './cursors.ts';

/** One request of the API that may be carried out: who calls is known, and what it says is of the right form. */
export interface ApiCall<Id extends OperationId = OperationId> {
  /** Path parameters by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: QueryOf<Operations[Id]>;
  readonly body: BodyOf<Operations[Id]>;
  /** Of a public operation: one without a key. */
  readonly principal: Principal;
  readonly cursors: Cursors;
  /** Part of the id of what the call makes, where it may be tried again (`Idempotency-Key`); undefined otherwise. */
  readonly stableId: string | undefined;
}

/** What calls of any operation have. */
export type AnyCall = Pick<ApiCall, 'params' | 'principal'>;

/** What an answer has beside status and body. */
interface Beside {
  readonly headers?: Readonly<Record<string, string>>;
  /** What the call did, for the audit; of one that changed nothing, nothing. */
  readonly change?: AuditedChange;
}

/** An answer that the operation declares. */
export type ApiAnswer<Id extends OperationId> = AnswerOf<Operations[Id]> & Beside;

/** An answer of whatever operation. */
export type AnyAnswer = Beside & { readonly status: number; readonly body: unknown };

/** How operations are carried out, by their ids. */
export type Handlers<Ids extends OperationId> = {
  readonly [Id in Ids]: (call: ApiCall<Id>) => Promise<ApiAnswer<Id>>;
};

/** Text of a request's body. */
export function bodyText({ body, isBase64Encoded }: APIGatewayProxyEventV2): string {
  return Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8').toString('utf8');
}

/**
 * Check what a caller says.
 *
 * @throws {ProblemError} with all faults.
 */
export function check<T>(schema: z.ZodType<T>, value: unknown, status: 400 | 422): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  const what = status === 400 ? 'query parameters are' : 'body is';
  throw new ProblemError({ status, detail: `The ${what} not what this route takes.`, extensions: { errors } });
}

/** The 422 for a body of which one member does not go with the rest, or with what is. */
export function bodyProblem(path: string, message: string): ProblemError {
  return new ProblemError({
    status: 422,
    detail: 'The body is not what this route takes.',
    extensions: { errors: [{ path, message }] },
  });
}
