import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { z } from 'zod';
import type { AnswerOf, BodyOf, QueryOf } from '../../engine/api/operation.ts';
import type { OperationId, Operations } from '../../engine/api/operations.ts';
import type { AuditedChange } from '../../flows/audit-call.ts';
import type { Principal } from '../../flows/identify-caller.ts';
import { ProblemError } from '../answer-problems.ts';

/** One request of the API that may be carried out: who calls is known, and what it says is of the right form. */
export interface ApiCall<Id extends OperationId = OperationId> {
  /** Path parameters by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: QueryOf<Operations[Id]>;
  readonly body: BodyOf<Operations[Id]>;
  /** Of a public operation: nobody. */
  readonly principal: Principal;
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

/** Write a position as an opaque cursor. */
export function encodeCursor(position: Readonly<Record<string, string | number>>): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** @throws {ProblemError} 400 when the cursor was not made by {@link encodeCursor} for this list. */
export function decodeCursor<T>(cursor: string | undefined, schema: z.ZodType<T>): T | undefined {
  if (cursor === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    throw new ProblemError({ status: 400, detail: 'The cursor is not one that this list gave.' });
  }
}

/** The cursor of a list by a name; null on the last page. */
export function nextCursor(next: string | undefined): string | null {
  return next === undefined ? null : encodeCursor({ after: next });
}

const afterCursor = z.object({ after: z.string().min(1).max(512) });

/** What {@link nextCursor} wrote. */
export function readCursor(cursor: string | undefined): string | undefined {
  return decodeCursor(cursor, afterCursor)?.after;
}
