import type { AnswerOf, BodyInputOf, OperationShape, ParamsOf } from '../lambdas/engine/api/operation.ts';
import type { OperationId, Operations } from '../lambdas/engine/api/operations.ts';

type RouteOf<Shape extends OperationShape> = `${Shape['method']} ${Shape['path']}`;
type ByRoute = { [Id in OperationId as RouteOf<Operations[Id]>]: Operations[Id] };

/** Method and path of an operation, such as `GET /v1/accounts/{id}`. */
export type Route = keyof ByRoute;
/** The body of a successful answer. */
export type Answer<R extends Route> = AnswerOf<ByRoute[R]>['body'];
/** An entry of a list. */
export type Entry<R extends Route> = Answer<R> extends { readonly data: readonly (infer Item)[] } ? Item : never;
export type Body<R extends Route> = BodyInputOf<ByRoute[R]>;

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export type Input<R extends Route> = {
  readonly query?: Query | undefined;
  readonly body?: Body<R> | undefined;
  /** Sends the same request again without doing it twice. @default a new one */
  readonly idempotencyKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Replaces the session's token, for one call. */
  readonly authorization?: string | undefined;
} & ([ParamsOf<ByRoute[R]['path']>] extends [never]
  ? { readonly params?: undefined }
  : { readonly params: Readonly<Record<ParamsOf<ByRoute[R]['path']>, string>> });

export interface FieldFault {
  /** Dotted path of the member, such as `retry.max_age_seconds`; empty for the whole body. */
  readonly path: string;
  readonly message: string;
}

/** Why a call did not succeed. */
export class ApiProblem extends Error {
  /** HTTP status; 0 where nothing answered. */
  readonly status: number;
  readonly reason: string | undefined;
  readonly faults: readonly FieldFault[];
  /** Milliseconds until the API asks to be called again; undefined where it did not say. */
  readonly retryAfterMs: number | undefined;
  readonly requestId: string | undefined;
  /** Where a partner goes whose link is over. */
  readonly portal: { readonly return_url: string; readonly refresh_url: string | null } | undefined;

  constructor(status: number, detail: string, more: Partial<Omit<ApiProblem, 'status'>> = {}) {
    super(detail);
    this.name = 'ApiProblem';
    this.status = status;
    this.reason = more.reason;
    this.faults = more.faults ?? [];
    this.retryAfterMs = more.retryAfterMs;
    this.requestId = more.requestId;
    this.portal = more.portal;
  }

  /** Whether the same call may succeed in a moment. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Where the token of the session comes from, and who is told that it no longer works. */
export interface TokenSource {
  readonly token: () => string | undefined;
  readonly refused: () => void;
}

let source: TokenSource = { token: () => undefined, refused: () => undefined };

export function useTokens(tokens: TokenSource): void {
  source = tokens;
}

const timeoutMs = 35_000;

/**
 * Call an operation of the API.
 *
 * @throws {ApiProblem}
 */
export async function call<R extends Route>(route: R, input: Input<R>): Promise<Answer<R>> {
  const [method = '', template = ''] = route.split(' ');
  const { query = {}, body, params = {}, idempotencyKey = crypto.randomUUID(), signal, authorization } = input;
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent((params as Record<string, string>)[name] ?? ''),
  );
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  const token = source.token();
  const bearer = authorization ?? (token === undefined ? undefined : `Bearer ${token}`);
  let answer: Response;
  try {
    answer = await fetch(`${path}${search === '' ? '' : `?${search}`}`, {
      method,
      headers: {
        accept: 'application/json',
        ...(bearer === undefined ? {} : { authorization: bearer }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'POST' ? { 'idempotency-key': idempotencyKey } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      credentials: 'omit',
      cache: 'no-store',
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiProblem(0, 'The API does not answer. Check the connection.');
  }
  if (answer.ok) return answer.status === 204 ? (undefined as Answer<R>) : ((await answer.json()) as Answer<R>);
  const problem = await problemOf(answer);
  if (problem.status === 401 && authorization === undefined && token !== undefined && token === source.token())
    source.refused();
  throw problem;
}

async function problemOf(answer: Response): Promise<ApiProblem> {
  const body = (await answer.json().catch(() => ({}))) as {
    readonly detail?: string;
    readonly reason?: string;
    readonly errors?: readonly FieldFault[];
    readonly request_id?: string;
    readonly return_url?: string;
    readonly refresh_url?: string | null;
  };
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
  return new ApiProblem(answer.status, body.detail ?? `The API answered ${answer.status}.`, {
    reason: body.reason,
    faults: body.errors ?? [],
    retryAfterMs: Number.isNaN(seconds) ? undefined : seconds * 1000,
    requestId: body.request_id ?? answer.headers.get('apigw-requestid') ?? undefined,
    portal:
      body.return_url === undefined
        ? undefined
        : { return_url: body.return_url, refresh_url: body.refresh_url ?? null },
  });
}
