import type { z } from 'zod';
import type {
  AnswerOf,
  BodyInputOf,
  BodySchema,
  OperationShape,
  ParamsOf,
} from '../../../lambdas/engine/api/operation.ts';
import { type OperationId, type Operations, operations } from '../../../lambdas/engine/api/operations.ts';
import { type CommandArguments, type CommandPorts, UnusableInput } from '../command.ts';
import { callEngine, callPatiently, type EngineAnswer, type EngineRequest } from './engine-call.ts';

/** Params are present exactly if the path has parameters. */
type ParamsPart<Path extends string> = [ParamsOf<Path>] extends [never]
  ? { readonly params?: undefined }
  : { readonly params: Readonly<Record<ParamsOf<Path>, string>> };

/** Input of a query schema as a URL carries it: all values are text. */
type QueryText<Input> = { readonly [Name in keyof Input]: Input[Name] & (string | undefined) };
type QueryPart<Shape> = Shape extends { readonly query: infer Schema extends z.ZodType }
  ? Partial<QueryText<z.input<Schema>>> extends QueryText<z.input<Schema>>
    ? { readonly query?: QueryText<z.input<Schema>> }
    : { readonly query: QueryText<z.input<Schema>> }
  : { readonly query?: undefined };

type BodyPart<Shape> = Shape extends { readonly hasOptionalBody: true }
  ? { readonly body?: BodyInputOf<Shape> }
  : Shape extends { readonly body: BodySchema }
    ? { readonly body: BodyInputOf<Shape> }
    : { readonly body?: undefined };

/** Arguments of an operation. */
export type OperationCall<Id extends OperationId> = ParamsPart<Operations[Id]['path']> &
  QueryPart<Operations[Id]> &
  BodyPart<Operations[Id]>;

/** An unchanged answer that the operation declares; its status tells which. */
export type OperationAnswer<Id extends OperationId> =
  | ({ readonly kind: 'answered' } & AnswerOf<Operations[Id]>)
  | Extract<EngineAnswer, { kind: 'refused' }>;

/** Operations that change nothing. */
type ReadId = { [Id in OperationId]: Operations[Id]['method'] extends 'GET' ? Id : never }[OperationId];

interface Patience {
  readonly signal: AbortSignal;
  /** Infinity to wait without limit. */
  readonly tries: number;
}

/**
 * The request of an operation, with its path and query filled in.
 *
 * @throws {UnusableInput} when a parameter would turn it into another path.
 */
export function requestOf<Id extends OperationId>(id: Id, call: OperationCall<Id>): EngineRequest {
  const { method, path }: OperationShape = operations[id];
  const {
    params = {},
    query = {},
    body,
  } = call as {
    readonly params?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, string | undefined>>;
    readonly body?: unknown;
  };
  const filled = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => pathSegment(name, params[name] ?? ''));
  const said = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const search = said.length === 0 ? '' : `?${new URLSearchParams(said).toString()}`;
  return { method, path: `${filled}${search}`, body };
}

/** Call an operation of the engine's API once; reject an answer that it does not declare. */
export async function callOperation<Id extends OperationId>(
  args: CommandArguments,
  ports: CommandPorts,
  id: Id,
  call: OperationCall<Id>,
): Promise<OperationAnswer<Id>> {
  return readAnswer(id, await callEngine(args, ports, requestOf(id, call)));
}

/** Like {@link callOperation}, but with retries until the engine answers: see {@link callPatiently}. */
export async function callOperationPatiently<Id extends ReadId>(
  args: CommandArguments,
  ports: CommandPorts,
  id: Id,
  call: OperationCall<Id>,
  { signal, tries }: Patience,
): Promise<OperationAnswer<Id>> {
  const { path } = requestOf(id, call);
  return readAnswer(id, await callPatiently(args, ports, { method: 'GET', path, signal }, tries));
}

/** A URL drops an empty segment and resolves dots, escaped or not: the request would reach another operation. */
function pathSegment(name: string, value: string): string {
  if (/^\.{0,2}$/.test(value))
    throw new UnusableInput(`${name}: got "${value}", expected a name that can be part of a path.`);
  return encodeURIComponent(value);
}

/** Check the answer and return it unchanged: a parsed one would lack members that only a newer engine has. */
function readAnswer<Id extends OperationId>(id: Id, answer: EngineAnswer): OperationAnswer<Id> {
  if (answer.kind === 'refused') return answer;
  const { answers }: OperationShape = operations[id];
  const { url, status, body } = answer;
  const declared = answers[status];
  if (declared !== undefined && (declared.body === undefined || declared.body.safeParse(body).success))
    return { kind: 'answered', status, body } as OperationAnswer<Id>;
  // The server may be another version of the engine, or another service.
  return { kind: 'refused', error: `${url} answered ${status}.`, isPassing: false };
}
