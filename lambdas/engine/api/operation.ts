import type { z } from 'zod';
import type { Scope } from '../access/scopes.ts';

/** What a caller must show: a key with a scope, any key, the name and secret of a key (for a token), or nothing. */
export type Access = Scope | 'any-key' | 'credentials' | 'public';

/** A schema; one that depends on the time (a certificate must be valid now) is made for it. */
export type BodySchema = z.ZodType | ((nowMs: number) => z.ZodType);

export interface AnswerShape {
  readonly description: string;
  /** Undefined for an answer without a body. */
  readonly body?: z.ZodType;
  /** Headers beside those of every answer, with what they say. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * One operation of the API as data: from it come what is checked of a request, the OpenAPI document, the typed
 * client and the tests that call every operation in every wrong way.
 */
export interface OperationShape {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: `/${string}`;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  /** Whether only a key for all tenants may call it: what it does concerns them all. */
  readonly isForAllTenants?: true;
  readonly query?: z.ZodType;
  readonly body?: BodySchema;
  /**
   * Bytes of a body at most: a larger one is refused before anything else is looked at.
   * @default 1 MiB
   */
  readonly maxBodyBytes?: number;
  /**
   * Whether its calls stand in the audit.
   * @default true for all but GET
   */
  readonly isAudited?: boolean;
  /** Whether a request without a body is one that says nothing. */
  readonly hasOptionalBody?: true;
  /** Answers that are no problem, by status. */
  readonly answers: Readonly<Record<number, AnswerShape>>;
  /** Problems of its own, by status: those of every operation of its kind come by themselves. */
  readonly problems?: Readonly<Record<number, string>>;
  readonly example: {
    readonly params?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    /** Body of the first of `answers`. */
    readonly answer?: unknown;
  };
}

/** Keeps the literal types of an operation, by which handlers and the client are typed. */
export function operation<const Shape extends OperationShape>(shape: Shape): Shape {
  return shape;
}

/** What a body, or a query, is to its handler. */
type SchemaOf<Body> = Body extends (nowMs: number) => infer Schema ? Schema : Body;
type OutputOf<Schema> = SchemaOf<Schema> extends z.ZodType ? z.output<SchemaOf<Schema>> : undefined;
type InputOf<Schema> = SchemaOf<Schema> extends z.ZodType ? z.input<SchemaOf<Schema>> : undefined;
type Member<Shape, Name extends string> = Shape extends { readonly [Key in Name]: infer Value } ? Value : undefined;

export type QueryOf<Shape> = OutputOf<Member<Shape, 'query'>>;
export type BodyOf<Shape> = OutputOf<Member<Shape, 'body'>>;
export type BodyInputOf<Shape> = InputOf<Member<Shape, 'body'>>;

/** The names in braces of a path. */
export type ParamsOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamsOf<Rest>
  : never;

/** A handler only reads what it answers with. */
type ReadonlyDeep<Value> = Value extends readonly (infer Item)[]
  ? readonly ReadonlyDeep<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: ReadonlyDeep<Value[Key]> }
    : Value;

/** Every answer that an operation declares, with the body that its schema takes. */
export type AnswerOf<Shape extends OperationShape> = {
  [Status in keyof Shape['answers'] & number]: {
    readonly status: Status;
    readonly body: ReadonlyDeep<InputOf<Member<Shape['answers'][Status], 'body'>>>;
  };
}[keyof Shape['answers'] & number];

/** Larger bodies describe nothing. */
const usualMaxBodyBytes = 1024 * 1024;

/** Bytes of a body that an operation looks at; undefined where it looks at none. */
export function maxBodyBytesOf({ method, body, maxBodyBytes }: OperationShape): number | undefined {
  // Of a POST the body is compared with that of an earlier try, whether the operation takes one or not.
  return body === undefined && method !== 'POST' ? undefined : (maxBodyBytes ?? usualMaxBodyBytes);
}

/** The schema of a body at a time. */
export function bodySchema(body: BodySchema, nowMs: number): z.ZodType {
  return typeof body === 'function' ? body(nowMs) : body;
}
