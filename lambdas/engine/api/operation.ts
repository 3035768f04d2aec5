import type { z } from 'zod';
import type { Scope } from '../access/scopes.ts';

/** What a caller needs: a key with a scope, any key, the id and secret of a key (for a token), or nothing. */
export type Access = Scope | 'any-key' | 'credentials' | 'public';

/** A schema, or a function of the current time that makes one (a certificate must be valid now). */
export type BodySchema = z.ZodType | ((nowMs: number) => z.ZodType);

export interface AnswerShape {
  readonly description: string;
  /** Undefined for an answer without a body. */
  readonly body?: z.ZodType;
  /** Descriptions of additional headers, by name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * One operation of the API as data. The validation of requests, the OpenAPI document, the typed client and the tests of
 * invalid calls all come from it.
 */
export interface OperationShape {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: `/${string}`;
  /**
   * Whether the last parameter takes the rest of the path: it may hold slashes, and API Gateway decodes `%2F` before a
   * function sees it.
   */
  readonly isOpenEnded?: true;
  /** Whether it passes requests and answers on as they are: any body, any status. */
  readonly isRaw?: true;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  /** Whether only a key for all tenants may call it, because it affects all tenants. */
  readonly isForAllTenants?: true;
  readonly query?: z.ZodType;
  readonly body?: BodySchema;
  /**
   * Maximum size of a body. A larger one is rejected before anything else is checked.
   * @default 1 MiB
   */
  readonly maxBodyBytes?: number;
  /**
   * Whether the audit records its calls.
   * @default true for all but GET
   */
  readonly isAudited?: boolean;
  /** Whether the body may be omitted. */
  readonly hasOptionalBody?: true;
  /** Successful answers, by status. */
  readonly answers: Readonly<Record<number, AnswerShape>>;
  /** Specific problems, by status, in addition to those that every operation of its kind has. */
  readonly problems?: Readonly<Record<number, string>>;
  readonly example: {
    readonly params?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    /** Body of the first answer in `answers`. */
    readonly answer?: unknown;
  };
}

/** Keep the literal types of an operation, from which the types of handlers and the client are derived. */
export function operation<const Shape extends OperationShape>(shape: Shape): Shape {
  return shape;
}

/** The schema of a body or a query, as its handler sees it. */
type SchemaOf<Body> = Body extends (nowMs: number) => infer Schema ? Schema : Body;
type OutputOf<Schema> = SchemaOf<Schema> extends z.ZodType ? z.output<SchemaOf<Schema>> : undefined;
type InputOf<Schema> = SchemaOf<Schema> extends z.ZodType ? z.input<SchemaOf<Schema>> : undefined;
type Member<Shape, Name extends string> = Shape extends { readonly [Key in Name]: infer Value } ? Value : undefined;

export type QueryOf<Shape> = OutputOf<Member<Shape, 'query'>>;
export type BodyOf<Shape> = OutputOf<Member<Shape, 'body'>>;
export type BodyInputOf<Shape> = InputOf<Member<Shape, 'body'>>;

/** Names of the path parameters. */
export type ParamsOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamsOf<Rest>
  : never;

/** Lets a handler answer with readonly objects. */
type ReadonlyDeep<Value> = Value extends readonly (infer Item)[]
  ? readonly ReadonlyDeep<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: ReadonlyDeep<Value[Key]> }
    : Value;

/** Every answer that an operation declares, with a body that its schema accepts. */
export type AnswerOf<Shape extends OperationShape> = {
  [Status in keyof Shape['answers'] & number]: {
    readonly status: Status;
    readonly body: ReadonlyDeep<InputOf<Member<Shape['answers'][Status], 'body'>>>;
  };
}[keyof Shape['answers'] & number];

/** Default maximum; no operation needs a larger body. */
const usualMaxBodyBytes = 1024 * 1024;

/** Maximum bytes of a body; undefined if the operation reads no body. */
export function maxBodyBytesOf({ method, body, maxBodyBytes }: OperationShape): number | undefined {
  // Every POST reads its body, to compare it with that of an earlier request with the same Idempotency-Key.
  return body === undefined && method !== 'POST' ? undefined : (maxBodyBytes ?? usualMaxBodyBytes);
}

/** The schema of a body at the given time. */
export function bodySchema(body: BodySchema, nowMs: number): z.ZodType {
  return typeof body === 'function' ? body(nowMs) : body;
}
