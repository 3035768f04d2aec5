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

/** There are params exactly where the path has parameters. */
type ParamsPart<Path extends string> = [ParamsOf<Path>] extends [never]
  ? { readonly params?: undefined }
  : { readonly params: Readonly<Record<ParamsOf<Path>, string>> };

/** What a query schema takes, as a URL carries it: all values are text. */
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

/** What an operation is called with. */
export type OperationCall<Id extends OperationId> = ParamsPart<Operations[Id]['path']> &
  QueryPart<Operations[Id]> &
  BodyPart<Operations[Id]>;

/** An answer that the operation declares, as it came; its status tells which. */
export type OperationAnswer<Id extends OperationId> =
  | ({ readonly kind: 'answered' } & AnswerOf<Operations[Id]>)
  | Extract<EngineAnswer, { kind: 'refused' }>;

/** Operations that change nothing. */
type ReadId = { [Id in OperationId]: Operations[Id]['method'] extends 'GET' ? Id : never }[OperationId];

interface Patience {
  readonly signal: AbortSignal;
  /** Infinity for one who would wait for as long as it takes. */
  readonly tries: number;
}

/**
 * The request of an operation, its path and query filled in.
 *
 * @throws {UnusableInput} when a parameter would make another path of it.
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

/** Call an operation of the engine's API once; an answer of another form than it declares is refused. */
export async function callOperation<Id extends OperationId>(
  args: CommandArguments,
  ports: CommandPorts,
  id: Id,
  call: OperationCall<Id>,
): Promise<OperationAnswer<Id>> {
  return readAnswer(id, await callEngine(args, ports, requestOf(id, call)));
}

/** As {@link callOperation}, until the engine answers: see {@link callPatiently}. */
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
  if (/^\.{0,2}$/.test(value)) throw new UnusableInput(`${name}: got "${value}", expected what a path can name.`);
  return encodeURIComponent(value);
}

/** What is checked is passed on as it came: a schema would drop the members that only a newer engine knows. */
function readAnswer<Id extends OperationId>(id: Id, answer: EngineAnswer): OperationAnswer<Id> {
  if (answer.kind === 'refused') return answer;
  const { answers }: OperationShape = operations[id];
  const { url, status, body } = answer;
  const declared = answers[status];
  if (declared !== undefined && (declared.body === undefined || declared.body.safeParse(body).success))
    return { kind: 'answered', status, body } as OperationAnswer<Id>;
  // It may be another engine, or none.
  return { kind: 'refused', error: `${url} answered ${status}.`, isPassing: false };
}
