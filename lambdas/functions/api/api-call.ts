import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { z } from 'zod';
import { ProblemError } from '../answer-problems.ts';
import type { Principal } from './principal.ts';

/** One request of the API. */
export interface PublicCall {
  /** Path parameters by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly event: APIGatewayProxyEventV2;
}

/** One authenticated request of the API. */
export interface ApiCall extends PublicCall {
  readonly principal: Principal;
}

export interface ApiAnswer {
  readonly status: number;
  /** Undefined for an answer without a body. */
  readonly body: unknown;
}

interface Place {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
}

/** A route asks for a key, unless it is public. */
export type ApiRoute =
  | (Place & { readonly isPublic?: false; readonly handle: (call: ApiCall) => Promise<ApiAnswer> })
  | (Place & { readonly isPublic: true; readonly handle: (call: PublicCall) => Promise<ApiAnswer> });

/** What ids of accounts and subscriptions look like. */
export const identifier = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/,
    'expected letters, digits, "_" and "-", at most 128, beginning with a letter or digit',
  );

export const tenantName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
    'expected letters, digits, "_", "." and "-", at most 64, beginning with a letter or digit',
  );

const secretText = z.string().min(1).max(8192);

/** A secret; a list while it rotates. */
export const secretValue = z.union([secretText, z.array(secretText).min(1).max(10)]);

/** Secrets by name. */
export const secretValues = z.record(z.string(), secretValue).default({});

/** Bytes of a value as JSON; infinite where it is nested too deep to be written. */
export function jsonBytes(value: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Query parameters of every list. */
export const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z.string().max(1024).optional(),
});

/**
 * Read and check a JSON body.
 *
 * @throws {ProblemError} 400 when it is no JSON, 422 with all faults when it is not what the route takes.
 */
export function readBody<T>(call: ApiCall, schema: z.ZodType<T>): T {
  return checkBody(bodyText(call), schema);
}

/** As {@link readBody}; no body is one that says nothing. */
export function readOptionalBody<T>(call: ApiCall, schema: z.ZodType<T>): T {
  return checkBody(bodyText(call).trim() || '{}', schema);
}

function bodyText({ event: { body, isBase64Encoded } }: ApiCall): string {
  return Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8').toString('utf8');
}

function checkBody<T>(text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProblemError({ status: 400, detail: 'The body must be JSON.' });
  }
  return check(schema, value, 422, 'The body is not what this route takes.');
}

/** @throws {ProblemError} 400 with all faults. */
export function readQuery<T>(call: ApiCall, schema: z.ZodType<T>): T {
  return check(schema, call.query, 400, 'The query parameters are not what this route takes.');
}

function check<T>(schema: z.ZodType<T>, value: unknown, status: number, detail: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  throw new ProblemError({ status, detail, extensions: { errors } });
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
