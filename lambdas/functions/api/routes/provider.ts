import { limits } from '../../../contracts/limits.ts';
import type { providerOperations } from '../../../engine/api/operations/provider-operations.ts';
import type { PagePosition } from '../../../engine/provider/request/page-position.ts';
import { startConsent } from '../../../flows/accounts/connect-account.ts';
import { definitionFor } from '../../../flows/provider/definition-for.ts';
import { describeBudgets } from '../../../flows/provider/describe-budgets.ts';
import { type Caller, toCaller } from '../../../flows/provider/provider-ports.ts';
import { listRecords } from '../../../flows/read/list-records.ts';
import type { Filters } from '../../../flows/read/listing-filters.ts';
import { proxyRequest } from '../../../flows/read/proxy-request.ts';
import { readRecords } from '../../../flows/read/read-records.ts';
import { readSchemaVersion } from '../../../flows/read/read-schema-version.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import {
  type AnyAnswer,
  type AnyCall,
  type ApiAnswer,
  type ApiCall,
  bodyProblem,
  type Handlers,
} from '../pipeline/api-call.ts';
import { notFound } from '../pipeline/principal.ts';
import { findAccount } from './accounts.ts';
import { providerProblem, unsupported } from './provider-problems.ts';

/** How long a read waits for a budget: the function must answer within its own time. */
const waitMs = 3_000;
/** The provider has answered by then, or the caller gets a 504: API Gateway waits for 30 s. */
const answerMs = (limits.apiTimeoutSeconds - 4) * 1000;

/** Calls that reach providers. */
export function providerHandlers(ports: ApiPorts): Handlers<keyof typeof providerOperations> {
  const proxied = (call: ApiCall) => handleProxy(ports, call) as Promise<never>;
  return {
    getRecord: (call) => handleGetRecord(ports, call),
    listRecords: (call) => handleListRecords(ports, call),
    async getLimits(call) {
      const caller = await findCaller(ports, call);
      return { status: 200, body: await describeBudgets(ports.provider, caller) };
    },
    connectAccount: (call) => handleConnect(ports, call),
    proxyGet: proxied,
    proxyPost: proxied,
    proxyPut: proxied,
    proxyPatch: proxied,
    proxyDelete: proxied,
  };
}

/** @throws {ProblemError} 404 for the account of another tenant, 422 for an integration that calls no API. */
async function findCaller(ports: ApiPorts, call: AnyCall): Promise<Caller> {
  const account = await findAccount(ports, call);
  const definition = await definitionFor(
    { definition: (name) => ports.integrations.get(name), candidate: (name) => ports.candidates.get(name) },
    account,
  );
  if (definition?.api === undefined) throw unsupported(`the integration "${account.integration}" calls no API`);
  return toCaller(account, definition);
}

function resourceOf({ params: { model = '', plural = '' } }: AnyCall): string {
  return `${model}/${plural}`;
}

async function handleGetRecord(ports: ApiPorts, call: ApiCall<'getRecord'>): Promise<ApiAnswer<'getRecord'>> {
  const caller = await findCaller(ports, call);
  const { clock } = ports.provider;
  const [resource, recordId] = [resourceOf(call), call.params['record_id'] ?? ''];
  const { address = {} } = call.query;
  const [read] = await readRecords(ports.provider, caller, resource, [{ recordId, address }], {
    priority: 'read',
    ...timeOf(clock.nowMs()),
  });
  if (read === undefined || read.kind === 'gone') throw notFound('record');
  if (read.kind === 'no-call') throw unsupported(`the definition reads no single record of ${resource}`);
  if (read.kind !== 'record') throw providerProblem(read, clock.nowMs());
  if (read.record.isAbsent) throw notFound('record');
  return {
    status: 200,
    body: {
      resource,
      record_id: read.record.id,
      schema_version: await readSchemaVersion(ports.resources, resource),
      data: read.record.data,
      fetched_at: new Date(read.startedAtMs).toISOString(),
    },
  };
}

async function handleListRecords(ports: ApiPorts, call: ApiCall<'listRecords'>): Promise<ApiAnswer<'listRecords'>> {
  const caller = await findCaller(ports, call);
  const { clock } = ports.provider;
  const { updated_since: updatedSince, limit: _, cursor: __, ...filters } = call.query;
  const resource = resourceOf(call);
  const after = await call.cursors.after();
  const page = await listRecords(ports.provider, caller, {
    resource,
    filters: toFilters(filters),
    updatedSince,
    position: after === undefined ? undefined : (JSON.parse(after) as PagePosition),
    priority: 'read',
    ...timeOf(clock.nowMs()),
  });
  if (page.kind === 'no-call')
    throw unsupported(
      page.missing === 'listing'
        ? `the definition lists no records of ${resource}`
        : `the listing of ${resource} has no filter "${page.missing.filter}"`,
    );
  if (page.kind !== 'page') throw providerProblem(page, clock.nowMs());
  return {
    status: 200,
    body: {
      data: page.records.map(({ id, data }) => ({ record_id: id, data })),
      next_cursor: await call.cursors.next(page.next === undefined ? undefined : JSON.stringify(page.next)),
    },
  };
}

/** How long a call of the API waits for a budget, and for the provider. */
function timeOf(nowMs: number) {
  return { deadlineMs: nowMs + waitMs, endsByMs: nowMs + answerMs };
}

/** `status=open` is a filter for equality; `updated_at[gte]=…` names its operator. */
function toFilters(query: Readonly<Record<string, unknown>>): Filters {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [
      name,
      typeof value === 'object' ? (value as Filters[string]) : { eq: value },
    ]),
  );
}

async function handleConnect(ports: ApiPorts, call: ApiCall<'connectAccount'>): Promise<ApiAnswer<'connectAccount'>> {
  const account = await findAccount(ports, call);
  const definition = await ports.integrations.get(account.integration);
  if (definition === undefined) throw unsupported(`there is no integration "${account.integration}"`);
  const { return_url: returnUrl } = call.body;
  const consent = await startConsent(ports, account, definition, returnUrl, call.principal.tenant === null);
  switch (consent.kind) {
    case 'url':
      return { status: 200, body: { url: consent.url, expires_at: new Date(consent.expiresAtMs).toISOString() } };
    case 'bad-return-url':
      throw bodyProblem('return_url', 'expected a URL whose origin the deployment allows (connectReturnOrigins)');
    case 'not-supported':
      throw unsupported(consent.reason);
    case 'incomplete':
      throw providerProblem({ kind: 'unusable', reason: consent.reason }, 0);
  }
}

async function handleProxy(ports: ApiPorts, call: ApiCall): Promise<AnyAnswer> {
  const caller = await findCaller(ports, call);
  const { raw, params } = call;
  const text = raw.body.toString('utf8');
  if (!Buffer.from(text).equals(raw.body))
    throw new ProblemError({ status: 415, detail: 'The proxy passes on text only.' });
  const outcome = await proxyRequest(ports.provider, caller, {
    method: raw.method,
    path: params['path'] ?? '',
    query: raw.query,
    headers: raw.headers,
    body: text,
    ...timeOf(ports.provider.clock.nowMs()),
  });
  if (outcome.kind === 'bad-path')
    throw new ProblemError({ status: 400, detail: 'The path leaves the base URL of the provider.' });
  if (outcome.kind !== 'answered') throw providerProblem(outcome, ports.provider.clock.nowMs());
  const { status, headers, body } = outcome.answer;
  if (body.length * 2 > limits.maxAnswerBytes)
    throw providerProblem({ kind: 'unusable', reason: 'the answer is larger than the proxy passes on' }, 0);
  return { status, body: undefined, headers, raw: body };
}
