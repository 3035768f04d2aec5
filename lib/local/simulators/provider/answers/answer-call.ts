import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import { evaluate } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import type { CallSpec, PageSpec } from '../../../../../lambdas/engine/provider/language/call-schema.ts';
import type { RecordChange, RecordStore, StoredRecord } from '../records/record-store.ts';
import { bindingsOf } from '../records/record-templates.ts';
import { selectRecords } from '../records/select-records.ts';
import { type ChosenCall, idsIn, recordOf } from '../requests/choose-call.ts';
import type { ProviderRequest } from '../requests/provider-request.ts';
import { cutPage, readPage } from './page-position.ts';
import { errorAnswer, jsonAnswer, type ProviderAnswer } from './provider-answer.ts';
import { writePage } from './write-page.ts';

/** The data from which calls are answered. */
export interface AnswerWorld {
  readonly definition: Definition;
  readonly stores: ReadonlyMap<string, RecordStore>;
  readonly context: Readonly<Record<string, unknown>>;
  /** Of the API, for links; undefined where links are relative. */
  readonly origin: string | undefined;
  /** Write a record, and send its webhook. */
  readonly write: (resource: string, write: RecordWrite) => Promise<StoredRecord>;
}

export type RecordWrite =
  | { readonly kind: 'created'; readonly change: RecordChange | undefined }
  | { readonly kind: 'updated'; readonly id: string; readonly change: RecordChange | undefined }
  | { readonly kind: 'deleted'; readonly id: string };

/** Answer a declared call. */
export async function answerCall(
  world: AnswerWorld,
  chosen: ChosenCall,
  request: ProviderRequest,
): Promise<ProviderAnswer> {
  const { served, match, resources } = chosen;
  const { method, spec } = served.pattern.call;
  const resource = resources[0] ?? '';
  const store = world.stores.get(resource);
  switch (method) {
    case 'get': {
      const record = recordOf(store, match);
      return record === undefined ? served.gone : served.shape.withRecords([record]);
    }
    case 'batch_get':
      return served.shape.withRecords(idsIn(match).flatMap((id) => store?.find(id) ?? []));
    case 'list':
    case 'changes':
      return answerListing(world, chosen, request, spec);
    case 'create':
    case 'update':
    case 'delete':
      return answerWrite(world, chosen, resource, method);
    case 'test':
    case 'token':
    case 'discover':
      return served.shape.withoutRecord;
  }
}

type ListingSpec = CallSpec & { readonly page?: PageSpec | undefined };

async function answerListing(
  { stores, definition, context, origin }: AnswerWorld,
  { served, match, resources }: ChosenCall,
  request: ProviderRequest,
  spec: ListingSpec,
): Promise<ProviderAnswer> {
  const isChanges = served.pattern.call.method === 'changes';
  const asked = readPage(spec.page, match, request);
  if (typeof asked === 'string') return errorAnswer(400, 'invalid_page', asked);
  const records: StoredRecord[] = [];
  const gone: StoredRecord[] = [];
  for (const resource of resources) {
    // A removed record is listed only if it says that it was deleted.
    const removed = isChanges && definition.resources?.[resource]?.deleted !== undefined;
    const store = stores.get(resource);
    const all = store?.all({ removed }) ?? [];
    const selected = store === undefined ? [] : await selectRecords(store, all, resource, spec, match.bindings);
    if (selected === undefined) return errorAnswer(400, 'invalid_query', 'the conditions of the query cannot be read');
    records.push(...selected);
    if (!removed) gone.push(...(store?.all({ removed: true }) ?? []).filter(({ isRemoved }) => isRemoved));
  }
  const from = spec.page?.last?.from;
  const bindings = bindingsOf(context);
  const valueOf = ({ raw }: StoredRecord) =>
    from === undefined ? Promise.resolve(undefined) : evaluate(from, raw, bindings).catch(() => undefined);
  const page = await cutPage(records, gone, asked, spec.page?.order ?? 'none', valueOf);
  const answer = await served.shape.withRecords(page.rows);
  return spec.page === undefined ? answer : writePage(spec.page, answer, { page, request, origin, context });
}

async function answerWrite(
  { stores, write }: AnswerWorld,
  { served, match }: ChosenCall,
  resource: string,
  method: 'create' | 'update' | 'delete',
): Promise<ProviderAnswer> {
  const change = changeIn(match.bindings);
  if (method === 'create') {
    const answer = await served.shape.withRecords([await write(resource, { kind: 'created', change })]);
    return { ...answer, status: 201 };
  }
  const record = recordOf(stores.get(resource), match);
  if (record === undefined) return served.gone;
  if (method === 'update')
    return served.shape.withRecords([await write(resource, { kind: 'updated', id: record.id, change })]);
  await write(resource, { kind: 'deleted', id: record.id });
  return { ...jsonAnswer(undefined), status: 204 };
}

/** The members that a write sends: the whole `{body}`, or each `{body.<name>}`. */
function changeIn(bindings: ChosenCall['match']['bindings']): Readonly<Record<string, unknown>> {
  const whole = bindings.get('body')?.[0];
  const members = [...bindings].filter(([source]) => source.startsWith('body.'));
  const named = Object.fromEntries(members.map(([source, [value]]) => [source.slice('body.'.length), value]));
  return typeof whole === 'object' && whole !== null ? (whole as Readonly<Record<string, unknown>>) : named;
}
