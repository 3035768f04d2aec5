import { isDeepStrictEqual } from 'node:util';
import { callOf, planAnswer, planPlainAnswer } from '../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import { checkResource, type PreparedResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import type { AnswerPlan } from '../../../lambdas/engine/provider/answer/answer-plan.ts';
import { type ReadAnswer, readAnswer } from '../../../lambdas/engine/provider/answer/read-answer.ts';
import { authorizeCall } from '../../../lambdas/engine/provider/credentials/authorize-call.ts';
import type { CredentialValues } from '../../../lambdas/engine/provider/credentials/credential-values.ts';
import type { CallSpec } from '../../../lambdas/engine/provider/language/call-schema.ts';
import type { CallValues } from '../../../lambdas/engine/provider/request/call-template.ts';
import type { PagePosition } from '../../../lambdas/engine/provider/request/page-position.ts';
import { type PreparedCall, prepareCall } from '../../../lambdas/engine/provider/request/prepare-call.ts';
import type { Exchanges } from '../../definitions/exchanges.ts';
import { describeDataFault } from './explain-mapping.ts';

/** What came of an exchange, in the form of its `expected`. */
export interface ExchangeResult {
  readonly means: string;
  readonly records: readonly Readonly<Record<string, unknown>>[];
  readonly limits?: readonly Readonly<Record<string, unknown>>[];
}

export interface ExchangeCheck {
  readonly faults: readonly string[];
  /** Undefined where a call could not be made. */
  readonly result: ExchangeResult | undefined;
}

/** Time of the exchanges, so that signatures and times are the same in each run. */
export const exchangeTime = Date.parse('2026-11-29T12:00:00.000Z');

/** Make the calls of an exchange offline, and compare what they send and what comes of the answers. */
export async function checkExchange(
  definition: Definition,
  exchanges: Exchanges,
  resources: PreparedResources,
): Promise<ExchangeCheck> {
  const { resource, method } = exchanges;
  const call = method === 'test' || resource === undefined ? undefined : callOf(definition, resource, method);
  const spec: CallSpec | undefined = method === 'test' ? definition.api?.test?.call : call?.spec;
  const { api } = definition;
  if (api === undefined || spec === undefined)
    return {
      faults: [`the definition has no call ${resource ?? ''}${resource === undefined ? '' : '.'}${method}`],
      result: undefined,
    };
  const planAt = (position: PagePosition): AnswerPlan =>
    call === undefined
      ? {
          ...planPlainAnswer(definition, 'test', spec),
          ...(api.test?.expect === undefined ? {} : { expect: api.test.expect }),
        }
      : planAnswer(definition, call, position);
  const faults: string[] = [];
  const records: Readonly<Record<string, unknown>>[] = [];
  let means = 'ok';
  let limits: ExchangeResult['limits'];
  let position: PagePosition | undefined = { kind: 'first' };
  for (const [index, { request, response }] of exchanges.exchanges.entries()) {
    if (position === undefined) {
      faults.push(`exchange ${index}: the page before was the last`);
      break;
    }
    const prepared = await build(definition, exchanges, spec, position);
    if (prepared.kind === 'fault')
      return { faults: [...faults, `exchange ${index}: ${prepared.message}`], result: undefined };
    faults.push(...requestFaults(prepared.call, request).map((fault) => `exchange ${index}: ${fault}`));
    const read: ReadAnswer = await readAnswer({
      plan: planAt(position),
      answer: {
        status: response.status,
        headers: Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), value]),
        ),
        text:
          response.body === undefined
            ? ''
            : typeof response.body === 'string'
              ? response.body
              : JSON.stringify(response.body),
        url: prepared.call.url,
        receivedAtMs: exchangeTime,
      },
      context: exchanges.account.context,
    });
    means = read.classification.means;
    if (read.fault !== undefined) faults.push(`exchange ${index}: ${read.fault}`);
    faults.push(...read.unread.map(({ id, reason }) => `exchange ${index}: record ${id ?? '?'}: ${reason}`));
    for (const record of read.records) {
      const drift =
        record.isAbsent || resource === undefined ? [] : (checkResource(resources, resource, record.data) ?? []);
      faults.push(
        ...drift.map(
          (fault) => `exchange ${index}: ${describeDataFault(resources, resource ?? '', records.length, fault)}`,
        ),
      );
      records.push({
        id: record.id,
        ...(record.version === undefined ? {} : { version: record.version }),
        ...(record.isAbsent ? { absent: true } : { data: record.data }),
      });
    }
    if (read.limits.length > 0) limits = read.limits.map((limit) => JSON.parse(JSON.stringify(limit)));
    position = read.next;
  }
  const result = { means, records, ...(limits === undefined ? {} : { limits }) };
  const { expected } = exchanges;
  if (expected === undefined) faults.push('there is no `expected`; --update writes it');
  else faults.push(...resultFaults(result, expected));
  return { faults, result };
}

async function build(definition: Definition, exchanges: Exchanges, spec: CallSpec, position: PagePosition) {
  const { api } = definition;
  if (api === undefined) throw new TypeError('the definition has no api');
  const { account, id, ids, address, filter, since, body } = exchanges;
  const values: CallValues = {
    context: account.context,
    ...(id === undefined ? {} : { id }),
    ...(ids === undefined ? {} : { ids }),
    ...(since === undefined ? {} : { since }),
    address: address ?? {},
    filter: filter ?? {},
    body,
  };
  const credentials = credentialsOf(exchanges);
  const prepared = prepareCall(api, spec, {
    values: credentials === undefined ? values : { ...values, credential: credentials.members },
    baseUrl: account.base_url,
    position,
  });
  if (prepared.kind === 'fault' || credentials === undefined) return prepared;
  return authorizeCall(api.credentials, credentials, prepared.call, values, {
    nowMs: exchangeTime,
    nonce: 'a-nonce-of-a-test',
  });
}

function credentialsOf({ account }: Exchanges): CredentialValues | undefined {
  if (account.credentials === undefined) return undefined;
  const { type, ...members } = account.credentials;
  const texts = Object.fromEntries(Object.entries(members).map(([name, value]) => [name, String(value)]));
  const access = texts['access_token'];
  return {
    kind: type as CredentialValues['kind'],
    members: texts,
    ...(access === undefined ? {} : { token: { access } }),
  };
}

type Expected = Exchanges['exchanges'][number]['request'];

function requestFaults({ method, url, headers, body }: PreparedCall, expected: Expected): readonly string[] {
  const faults: string[] = [];
  if (method !== expected.method) faults.push(`got the method ${method}, expected ${expected.method}`);
  if (new URL(url).href !== new URL(expected.url).href) faults.push(`got the URL ${url}, expected ${expected.url}`);
  for (const [name, value] of Object.entries(expected.headers)) {
    const got = headers[name.toLowerCase()];
    if (got !== value) faults.push(`got the header ${name}: ${got ?? 'none'}, expected ${value}`);
  }
  if (expected.body === undefined ? body !== undefined : !isSameBody(body, expected.body))
    faults.push(`got the body ${body ?? 'none'}, expected ${JSON.stringify(expected.body) ?? 'none'}`);
  return faults;
}

function isSameBody(body: string | undefined, expected: unknown): boolean {
  if (typeof expected === 'string') return body === expected;
  try {
    return isDeepStrictEqual(JSON.parse(body ?? ''), expected);
  } catch {
    return false;
  }
}

function resultFaults(result: ExchangeResult, expected: NonNullable<Exchanges['expected']>): readonly string[] {
  const faults: string[] = [];
  const { means = 'ok', records = [], limits } = expected;
  if (result.means !== means) faults.push(`got the meaning ${result.means}, expected ${means}`);
  if (!isDeepStrictEqual(result.records, records))
    faults.push(`got the records ${JSON.stringify(result.records)}, expected ${JSON.stringify(records)}`);
  if (limits !== undefined && !isDeepStrictEqual(result.limits, limits))
    faults.push(`got the limits ${JSON.stringify(result.limits)}, expected ${JSON.stringify(limits)}`);
  return faults;
}
