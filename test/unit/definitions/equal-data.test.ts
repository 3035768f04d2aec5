import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { contextForCalls } from '../../../lambdas/engine/definition/context-for-calls.ts';
import { callOf, carriedRecordPlansOf } from '../../../lambdas/engine/definition/plan-answer.ts';
import { recordTraitsOf } from '../../../lambdas/engine/definition/record-traits.ts';
import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { noResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { decryptItems } from '../../../lambdas/engine/mapping/decrypt-items.ts';
import { mapRequest, prepareMapping } from '../../../lambdas/engine/mapping/map-request.ts';
import { prepareWebhook } from '../../../lambdas/engine/reception/prepare-webhook.ts';
import { fingerprintOf } from '../../../lambdas/engine/records/fingerprint.ts';
import type { RecordTraits } from '../../../lambdas/engine/records/observation.ts';
import { versionOrdinal } from '../../../lambdas/engine/records/rank.ts';
import { decodeBody } from '../../../lambdas/engine/request/decode-body.ts';
import { readXml } from '../../../lambdas/engine/request/read-xml.ts';
import { checkExchange } from '../../../lib/cli/explain/check-exchange.ts';
import { differences } from '../../../lib/cli/explain/compare-events.ts';
import { compileWebhookIntegrations } from '../../../lib/definitions/compile-integrations.ts';
import { compileResources } from '../../../lib/definitions/compile-resources.ts';
import { type Exchanges, readExchanges } from '../../../lib/definitions/exchanges.ts';
import { makeKeys } from '../../../lib/definitions/make-keys.ts';
import { readSamples, type Sample } from '../../../lib/definitions/samples.ts';
import { signRequest } from '../../../lib/definitions/sign-request.ts';

const root = fileURLToPath(new URL('../../../integrations/', import.meta.url));
const nowMs = Date.parse('2026-11-29T12:00:00.000Z');
const schemas = compileResources(root);
const definitions = compileWebhookIntegrations(root);
/** Resources whose webhooks carry the record, and that are read. A new definition may add to them. */
const leastCompared = 34;
const readMethods = ['get', 'batch_get', 'list', 'changes'] as const;

type Data = Readonly<Record<string, unknown>>;
type Context = Readonly<Record<string, unknown>>;

/** What one side says about a record. */
interface State {
  readonly version: string | undefined;
  readonly data: Data;
}

/** An event that carries the whole record, of a sample. */
interface CarriedRecord {
  /** The sample's name. */
  readonly sample: string;
  readonly resource: string;
  readonly id: string;
  /** What it says for an account with this context. */
  readonly stateFor: (context: Context) => Promise<State>;
}

/** A record of an exchange's answer. */
interface RecordRead extends State {
  /** The exchange's name. */
  readonly exchange: string;
  readonly resource: string;
  readonly id: string;
  readonly context: Context;
}

/** A sample and an exchange with the same record. */
interface Pair {
  readonly name: string;
  readonly isSameVersion: boolean;
  /** One line for each place; empty if the data are equal. */
  readonly differences: readonly string[];
}

/** What API.md promises: one `map` makes the data of a record, whether a webhook carries it or a call reads it. */
test.each([...definitions].filter(([, { api }]) => api !== undefined))(
  'an event and a read of one record have equal data, for %s',
  async (_, definition) => {
    expect(await faultsOf(definition)).toEqual([]);
  },
);

test('no resource has left the comparison', async () => {
  const compared: string[] = [];
  for (const [name, definition] of definitions)
    for (const resource of new Set((await carriedRecordsOf(definition)).map((record) => record.resource)))
      compared.push(`${name} ${resource}`);
  expect(compared.length, compared.join(', ')).toBeGreaterThanOrEqual(leastCompared);
});

test.each<[string, Partial<WebhookDefinition['resources']>, string]>([
  ['a map gives other data of a webhook', { 'ticketing/tickets': { adapt: '$merge([$, { "title": "?" }])' } }, 'title'],
  ['no definition declares what only webhooks have', { 'ticketing/tickets': { volatile: [] } }, 'collection.id'],
])('fails when %s', async (_, changed, place) => {
  const github = definitionOf('github');
  const resources = Object.fromEntries(
    Object.entries(github.resources ?? {}).map(([name, said]) => [name, { ...said, ...changed?.[name] }]),
  );
  expect(await faultsOf({ ...github, resources })).toEqual([
    expect.stringMatching(
      new RegExp(`^github ticketing/tickets: no sample .* exchange .*; .* differ in data.${place}: expected`),
    ),
  ]);
});

test('fails when no exchange has the record of a sample', async () => {
  const github = definitionOf('github');
  const none = 'no sample of an event has the data of an exchange with the same record; samples:';
  expect((await faultsOf(github, [])).toSorted()).toEqual([
    expect.stringContaining(`github ticketing/comments: ${none} issue_comment-created, issue_comment-on-pull-request`),
    expect.stringContaining(`github ticketing/tickets: ${none} issues-closed, issues-closed-app, issues-labeled-form`),
  ]);
});

test('fails when two states with the same version differ, while others are equal', async () => {
  const exchanges = readExchanges(root, 'github').map((exchange) => {
    const text = JSON.stringify(exchange);
    const isChanged = exchange.name === 'tickets-changes';
    return JSON.parse(isChanged ? text.replaceAll('Order total is rounded twice', 'Another') : text) as Exchanges;
  });
  expect(await faultsOf(definitionOf('github'), exchanges)).toEqual(
    ['issues-closed-app', 'issues-closed'].map(
      (sample) =>
        `github ticketing/tickets: ${sample} and tickets-changes have the same version, but differ in data.title: expected "Another", got "Order total is rounded twice"`,
    ),
  );
});

function definitionOf(name: string): WebhookDefinition {
  const definition = definitions.get(name);
  if (definition === undefined) throw new Error(`there is no integration ${name}`);
  return definition;
}

/**
 * Compare each record that a sample carries with the same record in the exchanges.
 *
 * @returns A line for each resource without an equal pair, and for each pair with the same version and other data.
 */
async function faultsOf(
  definition: WebhookDefinition,
  exchanges: readonly Exchanges[] = readExchanges(root, definition.name),
): Promise<readonly string[]> {
  const carried = await carriedRecordsOf(definition);
  const reads = await readsOf(definition, exchanges);
  const faults: string[] = [];
  for (const resource of new Set(carried.map((record) => record.resource))) {
    const of = carried.filter((record) => record.resource === resource);
    const pairs = await pairsOf(definition, of, reads);
    const at = `${definition.name} ${resource}: `;
    if (pairs.some((pair) => pair.differences.length === 0)) {
      const torn = pairs.filter((pair) => pair.isSameVersion && pair.differences.length > 0);
      faults.push(...torn.map((pair) => `${at}${pair.name} have the same version, but ${differ(pair)}`));
    } else {
      const remedy =
        'align them, or let the definition say what webhooks lack: `volatile`, `whole: false`, a thin event';
      const [closest] = pairs.toSorted((one, other) => one.differences.length - other.differences.length);
      const samples = [...new Set(of.map(({ sample }) => sample))].sort().join(', ');
      faults.push(
        `${at}no sample of an event has the data of an exchange with the same record; ${closest === undefined ? `samples: ${samples}` : `${closest.name} ${differ(closest)}`}; ${remedy}`,
      );
    }
  }
  return faults;
}

function differ(pair: Pair): string {
  return `differ in ${pair.differences.join('; ')}`;
}

/**
 * The events of the samples that carry whole records of readable resources. Thin events are left out, because their
 * data is a read; deletions, because they have no record; and resources that say `whole: false`.
 */
async function carriedRecordsOf(definition: WebhookDefinition): Promise<readonly CarriedRecord[]> {
  const found: CarriedRecord[] = [];
  for (const sample of readSamples(root, definition.name)) {
    // A handshake has no events either.
    if (sample.expected?.length === 0) continue;
    const map = mappingOf(definition, sample);
    const { events } = await map({});
    for (const [index, { type, thin, resource, record_id: id }] of events.entries()) {
      const isWhole = thin !== true && type !== 'record:deleted' && traitsOf(definition, resource).isPartial !== true;
      const isRead = readMethods.some((method) => callOf(definition, resource, method) !== undefined);
      if (!isWhole || !isRead) continue;
      const stateFor = async (context: Context): Promise<State> => {
        const mapped = await map(context);
        return { version: mapped.changes[index]?.version, data: asJson(mapped.events[index]?.data ?? {}) };
      };
      found.push({ sample: sample.name, resource, id, stateFor });
    }
  }
  return found;
}

/** Maps a sample as normalize would, for an account with a context. */
function mappingOf(definition: WebhookDefinition, sample: Sample) {
  const keys = makeKeys(definition, 'current');
  const { headers, query, method, path, body } = signRequest(definition, sample.request, keys, nowMs);
  const decoded = decodeBody(definition.webhook.decode, { ...sample.request, headers, body }, readXml);
  if (decoded.kind === 'malformed') throw new Error(`${sample.name}: expected ${decoded.expected}`);
  const { decrypt } = prepareWebhook(definition, readXml);
  const decrypted =
    decrypt === undefined
      ? ({ kind: 'decrypted', body: decoded.value } as const)
      : decryptItems(decrypt, decoded.value, keys.secrets);
  if (decrypted.kind === 'failed') throw new Error(`${sample.name}: ${decrypted.reason}`);
  const input = { body: decrypted.body, headers, query: Object.fromEntries(new URLSearchParams(query)), method, path };
  const mapping = prepareMapping(definition.mapping, noResources, undefined, carriedRecordPlansOf(definition));
  return async (context: Context) => {
    const accountContext = contextForCalls(definition, context);
    const owner = { tenant: 'acme', account: 'acc_1', integration: definition.name, accountContext };
    const receivedAt = new Date(nowMs).toISOString();
    const mapped = await mapRequest(mapping, input, { ...owner, receivedAt, deliveryId: undefined, rawBody: body });
    if (mapped.kind === 'failed') throw new Error(`${sample.name}: ${mapped.reason}`);
    return mapped;
  };
}

/** The records of the answers. A partial answer is left out: it does not claim to be complete. */
async function readsOf(definition: WebhookDefinition, exchanges: readonly Exchanges[]): Promise<readonly RecordRead[]> {
  const found: RecordRead[] = [];
  for (const exchange of exchanges) {
    const { resource, method, name } = exchange;
    if (resource === undefined || !readMethods.some((read) => read === method)) continue;
    const { result } = await checkExchange(definition, exchange, noResources);
    const records = result?.means === 'ok' ? result.records.filter(({ absent }) => absent !== true) : [];
    for (const { id, version, data } of records)
      found.push({
        exchange: name,
        resource,
        id: String(id),
        version: typeof version === 'string' ? version : undefined,
        data: data as Data,
        context: exchange.account.context,
      });
  }
  return found;
}

/** The pairs of records of one resource. */
async function pairsOf(
  definition: WebhookDefinition,
  carried: readonly CarriedRecord[],
  reads: readonly RecordRead[],
): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (const { sample, resource, id, stateFor } of carried) {
    const traits = traitsOf(definition, resource);
    for (const read of reads.filter((one) => one.resource === resource && one.id === id)) {
      const event = await stateFor(read.context);
      pairs.push({
        name: `${sample} and ${read.exchange}`,
        isSameVersion: isSameVersion(traits, event.version, read.version),
        differences: differencesOf(traits, event.data, read.data),
      });
    }
  }
  return pairs;
}

/** The engine's own comparison decides; the lines only say where. */
function differencesOf({ volatile }: RecordTraits, event: Data, read: Data): readonly string[] {
  if (fingerprintOf(event, volatile) === fingerprintOf(read, volatile)) return [];
  const found = differences(read, event, 'data').filter((line) => {
    const [place = ''] = line.replaceAll(/\[\d+\]/g, '').split(':');
    const isLeftOut = volatile.some((path) => `${place}.`.startsWith(`data.${path}.`));
    return !isLeftOut && !/: expected (null|nothing), got (null|nothing)$/.test(line);
  });
  return found.length === 0 ? ['data'] : found;
}

function isSameVersion({ versionKind }: RecordTraits, one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  const ordinal = versionOrdinal(versionKind, one);
  return one === other || (ordinal !== undefined && ordinal === versionOrdinal(versionKind, other));
}

/** What a resource says about its records. Facts have no state for the engine, but their data must be equal, too. */
function traitsOf({ resources }: WebhookDefinition, resource: string): RecordTraits {
  const kept = { ...resources, [resource]: { ...resources?.[resource], state: 'record' as const } };
  const traits = recordTraitsOf({ resources: kept }, resource, schemas.get(resource));
  if (traits === undefined) throw new TypeError(`${resource} has no state`);
  return traits;
}

function asJson(data: Data): Data {
  return JSON.parse(JSON.stringify(data)) as Data;
}
