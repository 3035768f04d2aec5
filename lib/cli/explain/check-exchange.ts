import { contextForCalls } from '../../../lambdas/engine/definition/context-for-calls.ts';
import { callOf, planAnswer, planPlainAnswer } from '../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import { checkResource, type PreparedResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import type { AnswerPlan } from '../../../lambdas/engine/provider/answer/answer-plan.ts';
import type { Classification } from '../../../lambdas/engine/provider/answer/classify-answer.ts';
import { type ReadAnswer, type ReadRecord, readAnswer } from '../../../lambdas/engine/provider/answer/read-answer.ts';
import { authorizeCall } from '../../../lambdas/engine/provider/credentials/authorize-call.ts';
import {
  type CredentialValues,
  credentialTemplateValues,
  membersOf,
} from '../../../lambdas/engine/provider/credentials/credential-values.ts';
import type { CallSpec } from '../../../lambdas/engine/provider/language/call-schema.ts';
import type { CredentialKind, CredentialsSpec } from '../../../lambdas/engine/provider/language/credentials-schema.ts';
import type { Meaning } from '../../../lambdas/engine/provider/language/errors-schema.ts';
import type { CallValues } from '../../../lambdas/engine/provider/request/call-values.ts';
import type { PagePosition } from '../../../lambdas/engine/provider/request/page-position.ts';
import {
  type Preparation,
  type PreparedCall,
  prepareCall,
} from '../../../lambdas/engine/provider/request/prepare-call.ts';
import type { Exchanges } from '../../definitions/exchanges.ts';
import { differences } from './compare-events.ts';
import { describeDataFault } from './explain-mapping.ts';
import { meantInstead } from './nearest-name.ts';
import { testTimeMs } from './test-time.ts';

/** What came of an exchange, in the form of its `expected`. */
export interface ExchangeResult {
  /** `fault`: the answer looks like a success, and is none. */
  readonly means: Meaning | 'fault';
  readonly records: readonly Readonly<Record<string, unknown>>[];
  readonly retry_after_ms?: number;
  /** The limit that is used up. */
  readonly limit?: string;
  readonly limits?: readonly Readonly<Record<string, unknown>>[];
}

export interface ExchangeCheck {
  readonly faults: readonly string[];
  /** Undefined where a call could not be made, or has faults: then nothing can be expected of it. */
  readonly result: ExchangeResult | undefined;
}

/** A call of a definition, and how its answers are read. */
interface ExchangeCall {
  readonly spec: CallSpec;
  readonly planAt: (position: PagePosition) => AnswerPlan;
}

type Records = ExchangeResult['records'];

/** How an exchange says that its answer is meant to be a fault. */
const asFault = '; where the exchange shows just that, it says "expected": {"means": "fault"}';

/** Make the calls of an exchange offline, and compare what they send and what comes of the answers. */
export async function checkExchange(
  definition: Definition,
  exchanges: Exchanges,
  resources: PreparedResources,
): Promise<ExchangeCheck> {
  const { resource, method, expected } = exchanges;
  const call = callIn(definition, exchanges);
  if (call === undefined)
    return {
      faults: [`the definition has no call ${resource ?? ''}${resource === undefined ? '' : '.'}${method}`],
      result: undefined,
    };
  const faults: string[] = [];
  const records: Records[number][] = [];
  let means: Pick<ExchangeResult, 'means' | 'retry_after_ms' | 'limit'> = { means: 'ok' };
  let limits: ExchangeResult['limits'];
  let position: PagePosition | undefined = { kind: 'first' };
  for (const [index, { request, response }] of exchanges.exchanges.entries()) {
    const at = (fault: string) => `exchange ${index}: ${fault}`;
    if (position === undefined) {
      faults.push(at('the page before was the last'));
      break;
    }
    const prepared = await build(definition, exchanges, call.spec, position);
    if (prepared.kind === 'fault') return { faults: [...faults, at(prepared.message)], result: undefined };
    faults.push(...requestFaults(prepared.call, request, call.spec.graphql !== undefined).map(at));
    const read: ReadAnswer = await readAnswer({
      plan: call.planAt(position),
      answer: toAnswer(response, prepared.call.url),
      context: contextForCalls(definition, exchanges.account.context),
    });
    means = read.fault === undefined ? meaningOf(read.classification) : { means: 'fault' };
    // A fault may be what the exchange shows: an answer that looks like a success.
    if (read.fault !== undefined && expected?.means !== 'fault') faults.push(at(`${read.fault}${asFault}`));
    faults.push(...read.unread.map(({ id, reason }) => at(`record ${id ?? '?'}: ${reason}`)));
    faults.push(...driftOf(resources, resource, read.records, records.length).map(at));
    records.push(...read.records.map(toResult));
    if (read.limits.length > 0) limits = read.limits.map((limit) => JSON.parse(JSON.stringify(limit)));
    position = read.next;
  }
  const isSound = faults.length === 0;
  const { means: meaning, ...said } = means;
  const result = { means: meaning, records, ...said, ...(limits === undefined ? {} : { limits }) };
  if (expected !== undefined) faults.push(...resultFaults(result, expected));
  else if (isSound) faults.push('there is no `expected`; --update writes it');
  return { faults, result: isSound ? result : undefined };
}

function meaningOf({ means, notBeforeMs, limit }: Classification) {
  return {
    means,
    ...(notBeforeMs === undefined ? {} : { retry_after_ms: notBeforeMs - testTimeMs }),
    ...(limit === undefined ? {} : { limit }),
  };
}

function callIn(definition: Definition, { resource, method }: Exchanges): ExchangeCall | undefined {
  if (method === 'test') {
    const { test } = definition.api ?? {};
    if (test === undefined) return undefined;
    const plan = planPlainAnswer(definition, 'test', test.call);
    return {
      spec: test.call,
      planAt: () => ({ ...plan, ...(test.expect === undefined ? {} : { expect: test.expect }) }),
    };
  }
  const call = resource === undefined ? undefined : callOf(definition, resource, method);
  return call && { spec: call.spec, planAt: (position) => planAnswer(definition, call, position) };
}

function toAnswer({ status, headers, body }: Exchanges['exchanges'][number]['response'], url: string) {
  return {
    status,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    text: body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body),
    url,
    receivedAtMs: testTimeMs,
  };
}

function toResult({ id, version, isAbsent, data }: ReadRecord): Records[number] {
  return { id, ...(version === undefined ? {} : { version }), ...(isAbsent ? { absent: true } : { data }) };
}

/** @param before - Records of earlier pages. */
function driftOf(
  resources: PreparedResources,
  resource: string | undefined,
  records: readonly ReadRecord[],
  before: number,
): readonly string[] {
  if (resource === undefined) return [];
  return records.flatMap((record, index) =>
    record.isAbsent
      ? []
      : (checkResource(resources, resource, record.data) ?? []).map((fault) =>
          describeDataFault(resources, resource, before + index, fault).replace(/^events/, 'records'),
        ),
  );
}

async function build(
  definition: Definition,
  exchanges: Exchanges,
  spec: CallSpec,
  position: PagePosition,
): Promise<Preparation> {
  const { api } = definition;
  if (api === undefined) throw new TypeError('the definition has no api');
  const { account, id, ids, address, filter, since, until, body } = exchanges;
  const credentials =
    account.credentials === undefined ? undefined : credentialsOf(api.credentials, account.credentials);
  if (credentials?.kind === 'fault') return credentials;
  const values: CallValues = {
    context: contextForCalls(definition, account.context),
    ...(id === undefined ? {} : { id }),
    ...(ids === undefined ? {} : { ids }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    address: address ?? {},
    filter: filter ?? {},
    body,
  };
  const prepared = prepareCall(api, spec, {
    values:
      credentials === undefined ? values : { ...values, credential: credentialTemplateValues(credentials.values) },
    baseUrl: account.base_url,
    position,
  });
  if (prepared.kind === 'fault' || credentials === undefined) return prepared;
  return authorizeCall(api.credentials, credentials.values, prepared.call, values, {
    nowMs: testTimeMs,
    nonce: 'a-nonce-of-a-test',
  });
}

type ReadCredentials =
  | { readonly kind: 'credentials'; readonly values: CredentialValues }
  | { readonly kind: 'fault'; readonly message: string };

/** The credentials of an exchange, with the defaults of the definition. A token may be among them. */
function credentialsOf(
  spec: CredentialsSpec,
  { type, ...given }: NonNullable<Exchanges['account']['credentials']>,
): ReadCredentials {
  const kinds = (Object.keys(spec) as CredentialKind[]).filter((name) => spec[name] !== undefined);
  const [only] = kinds;
  const kind = type === undefined && kinds.length === 1 ? only : kinds.find((name) => name === type);
  if (kind === undefined)
    return {
      kind: 'fault',
      message: `account.credentials.type: got ${JSON.stringify(type) ?? 'nothing'}, expected one of ${kinds.join(', ')}${meantInstead(type ?? '', kinds)}`,
    };
  const usual = membersOf(spec, kind).flatMap(({ name, default: value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const written = Object.entries(given).map(([name, value]) => [name, String(value)] as const);
  const members = Object.fromEntries([...usual, ...written]);
  const access = members['access_token'];
  return { kind: 'credentials', values: { kind, members, ...(access === undefined ? {} : { token: { access } }) } };
}

type Expected = Exchanges['exchanges'][number]['request'];

function requestFaults(
  { method, url, headers, body }: PreparedCall,
  expected: Expected,
  isGraphql: boolean,
): readonly string[] {
  const faults: string[] = [];
  if (method !== expected.method) faults.push(`got the method ${method}, expected ${expected.method}`);
  if (new URL(url).href !== new URL(expected.url).href) faults.push(`got the URL ${url}, expected ${expected.url}`);
  for (const [name, value] of Object.entries(expected.headers)) {
    const got = headers[name.toLowerCase()];
    if (got !== value) faults.push(`got the header ${name}: ${got ?? 'none'}, expected ${value}`);
  }
  const got = bodyFor(body, expected.body);
  return [
    ...faults,
    ...(isGraphql
      ? differences(withoutLayout(expected.body), withoutLayout(got), 'body')
      : differences(expected.body, got, 'body')),
  ];
}

/** White space and commas mean nothing in GraphQL, and formatters change them. */
function withoutLayout(body: unknown): unknown {
  const { query, ...rest } = (typeof body === 'object' && body !== null ? body : {}) as Readonly<
    Record<string, unknown>
  >;
  if (typeof query !== 'string') return body;
  const spaced = query.replace(/"(?:[^"\\]|\\.)*"|[\s,]+/g, (part) => (part.startsWith('"') ? part : ' '));
  return { query: spaced.replace(/ ?([{}():!=|[\]]) ?/g, '$1').trim(), ...rest };
}

/** The body as text, or as JSON where that is expected. */
function bodyFor(body: string | undefined, expected: unknown): unknown {
  if (body === undefined || typeof expected === 'string') return body;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

function resultFaults(result: ExchangeResult, expected: NonNullable<Exchanges['expected']>): readonly string[] {
  const { means = 'ok', records = [], limits } = expected;
  const told = (['retry_after_ms', 'limit'] as const).filter((name) => expected[name] !== undefined);
  return [
    // A fault that is not expected is told already.
    ...(result.means === means || result.means === 'fault'
      ? []
      : [`got the meaning ${result.means}, expected ${means}`]),
    ...differences(records, result.records, 'records'),
    ...told.flatMap((name) => differences(expected[name], result[name], name)),
    ...(limits === undefined ? [] : differences(limits, result.limits ?? [], 'limits')),
  ];
}
