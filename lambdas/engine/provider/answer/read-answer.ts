import { limits } from '../../../contracts/limits.ts';
import { recordIdText } from '../../event/record-id.ts';
import { writeJson } from '../../expression/json-text.ts';
import { parseJsonExactly } from '../../request/decode-body.ts';
import { readCsv } from '../../request/read-csv.ts';
import { readXml } from '../../request/read-xml.ts';
import type { PagePosition } from '../request/page-position.ts';
import type { AnswerPlan, ProviderAnswerText, RecordPlan } from './answer-plan.ts';
import { type Classification, classifyAnswer } from './classify-answer.ts';
import { type Bindings, ExpressionFault, evaluate, isTrue } from './evaluate.ts';
import { nextPage } from './next-page.ts';
import { type ObservedLimit, readLimits } from './read-limits.ts';

/** A record of an answer, as its resource's mapping gives it. */
export interface ReadRecord {
  readonly id: string;
  /** As the provider writes it. */
  readonly version?: string | undefined;
  /** When it changed last, as the provider writes it. */
  readonly updated?: string | number | undefined;
  /** Its value of the listing's cursor, as the provider writes it. */
  readonly cursor?: string | undefined;
  /** Whether it does not belong to the resource (`keep`), or stands for a deleted one. */
  readonly isAbsent: boolean;
  /** Whether the provider says that it was deleted. */
  readonly isDeleted?: true | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A record that the definition cannot read; the reason quotes no value. */
export interface UnreadRecord {
  /** Undefined where not even the id can be read. */
  readonly id: string | undefined;
  readonly reason: string;
}

export interface ReadAnswer {
  readonly classification: Classification;
  readonly limits: readonly ObservedLimit[];
  readonly records: readonly ReadRecord[];
  readonly unread: readonly UnreadRecord[];
  /** Undefined on the last page. */
  readonly next?: PagePosition | undefined;
  /** Rows of the answer, before any is left out. */
  readonly rows?: number | undefined;
  /** Where the answer says that the next run goes on. */
  readonly cursor?: string | undefined;
  /** Why a successful answer is a fault; quotes no value. */
  readonly fault?: string | undefined;
}

export interface ReadAnswerArgument {
  readonly plan: AnswerPlan;
  readonly answer: ProviderAnswerText;
  readonly context: Readonly<Record<string, unknown>>;
}

/** Read an answer: what it means, what it says of limits, its records and its next page. */
export async function readAnswer(
  { plan, answer, context }: ReadAnswerArgument,
  timeoutMs?: number,
): Promise<ReadAnswer> {
  const bindings: Bindings = { status: answer.status, headers: answer.headers, context };
  const parsed = parseBody(plan.format, answer.text);
  const body = parsed.kind === 'body' ? parsed.body : undefined;
  const classification = await classifyAnswer(plan, answer, body, bindings, timeoutMs);
  const observed = await readLimits(plan.limits, answer, body, bindings, timeoutMs);
  const result = { classification, limits: observed, records: [], unread: [] };
  const isRead = classification.means === 'ok' || classification.means === 'partial';
  if (!isRead || plan.selects === 'nothing') {
    const fault = isRead ? await expectationFault(plan, body, bindings, timeoutMs) : undefined;
    return fault === undefined ? result : { ...result, fault };
  }
  if (parsed.kind === 'malformed') return { ...result, fault: `the answer is not ${plan.format}` };
  try {
    // An answer that says of itself that something is missing proves no absence.
    const whenEmpty = classification.means === 'partial' ? 'fault' : plan.whenEmpty;
    return { ...result, ...(await readRecords({ ...plan, whenEmpty }, answer, body, bindings, timeoutMs)) };
  } catch (error) {
    if (error instanceof ExpressionFault) return { ...result, fault: error.message };
    throw error;
  }
}

type Body = { readonly kind: 'body'; readonly body: unknown } | { readonly kind: 'malformed' };

function parseBody(format: AnswerPlan['format'], text: string): Body {
  try {
    if (format === 'text') return { kind: 'body', body: text };
    if (text.trim() === '') return { kind: 'body', body: undefined };
    if (format === 'xml') return { kind: 'body', body: readXml(text) };
    if (format === 'json') return { kind: 'body', body: parseJsonExactly(text) };
    if (format === 'csv') return { kind: 'body', body: readCsv(text) };
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    return { kind: 'body', body: lines.map(parseJsonExactly) };
  } catch {
    return { kind: 'malformed' };
  }
}

async function expectationFault(
  { expect }: AnswerPlan,
  body: unknown,
  bindings: Bindings,
  timeoutMs: number | undefined,
): Promise<string | undefined> {
  if (expect === undefined) return undefined;
  const value = await evaluate(expect, body, bindings, timeoutMs).catch(() => undefined);
  return isTrue(value) ? undefined : 'the answer is not the expected one (`expect`)';
}

type Read = Partial<Omit<ReadAnswer, 'limits'>>;

async function readRecords(
  plan: AnswerPlan,
  answer: ProviderAnswerText,
  body: unknown,
  bindings: Bindings,
  timeoutMs: number | undefined,
): Promise<Read> {
  const fault = await expectationFault(plan, body, bindings, timeoutMs);
  if (fault !== undefined) return { fault };
  const selected = await evaluate(plan.selection, body, bindings, timeoutMs);
  const isEmpty = selected === undefined || selected === null;
  if (plan.selects === 'record' && isEmpty)
    return plan.whenEmpty === 'gone'
      ? { classification: { means: 'gone', scope: 'account' } }
      : { fault: 'the answer has no record where `record` expects it' };
  if (
    plan.selects === 'records' &&
    isEmpty &&
    plan.expect === undefined &&
    selected === undefined &&
    body === undefined
  )
    return { fault: 'the answer has no records where `records` expects them' };
  const raw: readonly unknown[] = isEmpty ? [] : Array.isArray(selected) ? selected : [selected];
  const rows = raw.filter((row) => row !== null && row !== undefined);
  const records: ReadRecord[] = [];
  const unread: UnreadRecord[] = [];
  for (const row of rows) {
    if (plan.record === undefined) break;
    const read = await readRecord(plan.record, row, bindings, timeoutMs, plan.cursor?.row);
    if ('reason' in read) unread.push(read);
    else records.push(read);
  }
  const next =
    plan.page === undefined
      ? undefined
      : await nextPage(
          plan.page,
          plan.position ?? { kind: 'first' },
          answer,
          body,
          { count: rows.length, last: rows.at(-1) },
          bindings,
          timeoutMs,
        );
  const cursor =
    plan.cursor?.answer === undefined
      ? undefined
      : scalarOf(await evaluate(plan.cursor.answer, body, bindings, timeoutMs));
  return {
    records,
    unread,
    rows: rows.length,
    ...(next === undefined ? {} : { next }),
    ...(cursor === undefined ? {} : { cursor: String(cursor) }),
  };
}

/**
 * Read one record of a provider. Webhooks that carry the record use it, too.
 *
 * @param cursorOf - Where the row has its value of the listing's cursor.
 */
export async function readRecord(
  plan: RecordPlan,
  row: unknown,
  bindings: Bindings,
  timeoutMs?: number,
  cursorOf?: string,
): Promise<ReadRecord | UnreadRecord> {
  let id: string | undefined;
  try {
    const read = (text: string) => evaluate(text, row, bindings, timeoutMs);
    const found = recordIdText.safeParse(await read(plan.id));
    if (!found.success) return { id: undefined, reason: 'its id is neither text nor a number' };
    id = found.data;
    const isKept = plan.keep === undefined || isTrue(await read(plan.keep));
    const isDeleted = plan.deleted !== undefined && isTrue(await read(plan.deleted));
    const version = plan.version === undefined ? undefined : scalarOf(await read(plan.version));
    const updated = plan.updated === undefined ? undefined : scalarOf(await read(plan.updated));
    const cursor = cursorOf === undefined ? undefined : scalarOf(await read(cursorOf));
    const marks = {
      id,
      ...(version === undefined ? {} : { version: String(version) }),
      ...(updated === undefined ? {} : { updated }),
      ...(cursor === undefined ? {} : { cursor: String(cursor) }),
    };
    if (!isKept || isDeleted) return { ...marks, isAbsent: true, ...(isDeleted ? { isDeleted } : {}), data: { id } };
    const data = await read(plan.map);
    const written = isObject(data) ? writeJson(data, limits.maxEventBytes) : undefined;
    if (written === undefined) return { id, reason: '`map` did not give an object' };
    if (written.kind === 'fault') return { id, reason: `\`map\` gave ${written.message}` };
    return { ...marks, isAbsent: false, data: JSON.parse(written.text) as Readonly<Record<string, unknown>> };
  } catch (error) {
    if (error instanceof ExpressionFault) return { id, reason: error.message };
    throw error;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function scalarOf(value: unknown): string | number | undefined {
  return typeof value === 'number' || (typeof value === 'string' && value !== '') ? value : undefined;
}
