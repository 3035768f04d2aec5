import { createHash } from 'node:crypto';
import type { RecordPlan } from '../../../../../lambdas/engine/provider/answer/answer-plan.ts';
import { type Bindings, evaluate } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import type { VersionKind } from '../../../../../lambdas/engine/records/rank.ts';
import { joinedParts, leavesOf, pathsIn, type Step, valueAt, withValueAt } from '../expressions/expression-place.ts';
import { escapeRegex, readTime, writeTimeLike } from '../expressions/time-texts.ts';

/** Reads and writes the ids, versions and times of a resource's records, by reversing the definition's expressions. */
export interface RecordForm {
  /** @returns Undefined where the record has no id. */
  idOf(raw: unknown): Promise<string | undefined>;
  /** @returns Undefined where the expression cannot be reversed. */
  withId(raw: unknown, id: string): Promise<unknown>;
  /** Write the time of a change, and its version. @param change - Counts the changes of the record; 0 when it is new. */
  withChange(raw: unknown, ms: number, change: number): unknown;
}

export interface RecordFormOptions {
  readonly plan: Pick<RecordPlan, 'id' | 'version' | 'updated'>;
  readonly versionKind: VersionKind | undefined;
  readonly bindings: Bindings;
  /** More members that hold the time of a change. */
  readonly timePaths?: readonly (readonly string[])[];
}

export function createRecordForm({
  plan,
  versionKind,
  bindings,
  timePaths: others = [],
}: RecordFormOptions): RecordForm {
  const parts = joinedParts(plan.id);
  const idPaths = pathsIn(plan.id);
  const own = [plan.version, plan.updated].flatMap((text) => (text === undefined ? [] : pathsIn(text)));
  const timePaths = [...own, ...others];
  const versionPaths = plan.version === undefined ? [] : pathsIn(plan.version);
  const idOf = async (raw: unknown): Promise<string | undefined> => {
    const id = await evaluate(plan.id, raw, bindings).catch(() => undefined);
    return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
  };
  return {
    idOf,
    async withId(raw, id) {
      const before = await idOf(raw);
      const written = parts === undefined ? replaceIn(raw, idPaths, before, id) : writeParts(raw, parts, id);
      if (written === undefined || (await idOf(written)) !== id) return undefined;
      return before === undefined ? written : withCopies(written, before, id, idPaths);
    },
    withChange(raw, ms, change) {
      if (versionKind !== 'integer' && versionKind !== 'opaque')
        return timePaths.reduce((record, path) => writeTime(record, path, ms, versionKind), raw);
      const timed = timePaths
        .slice(versionPaths.length)
        .reduce((record, path) => writeTime(record, path, ms, undefined), raw);
      // A new record keeps the version of its template.
      if (change === 0) return timed;
      return versionPaths.reduce(
        (record, path) => withValueAt(record, path, versionLike(valueAt(record, path), versionKind, change)),
        timed,
      );
    },
  };
}

/** Write the parts of a joined id: `employeeId & "-" & requestId`. */
function writeParts(raw: unknown, parts: readonly (string | readonly Step[])[], id: string): unknown {
  const pattern = parts.map((part) => (typeof part === 'string' ? escapeRegex(part) : '(.+?)')).join('');
  const found = new RegExp(`^${pattern}$`, 's').exec(id);
  if (found === null) return undefined;
  const paths = parts.filter((part) => typeof part !== 'string');
  return paths.reduce<unknown>((record, path, index) => {
    const text = found[index + 1] ?? '';
    return withValueAt(record, path, scalarLike(valueAt(raw, path), text));
  }, raw);
}

/** Replace the id within a longer text from which an expression computes it. */
function replaceIn(
  raw: unknown,
  paths: readonly (readonly string[])[],
  before: string | undefined,
  id: string,
): unknown {
  for (const path of paths) {
    const value = valueAt(raw, path);
    const text = textOf(value) ?? '';
    const place = before === undefined ? -1 : text.lastIndexOf(before);
    if (before === undefined || place < 0) continue;
    return withValueAt(raw, path, scalarLike(value, text.slice(0, place) + id + text.slice(place + before.length)));
  }
  return undefined;
}

/** Other members repeat the id, alone or in a URL. */
function withCopies(raw: unknown, before: string, id: string, own: readonly (readonly string[])[]): unknown {
  const written = new Set(own.map((path) => JSON.stringify(path)));
  let record = raw;
  for (const path of leavesOf(raw)) {
    const value = valueAt(raw, path);
    if (written.has(JSON.stringify(path)) || value === null || typeof value === 'boolean') continue;
    // Other numbers may equal a short id.
    const isId =
      before.length > 8 || (before.length > 3 && /(^|[^a-z])[gsu]?u?id$|I[dD]$/.test(textOf(path.at(-1)) ?? ''));
    if (textOf(value) === before && isId) record = withValueAt(record, path, scalarLike(value, id));
    else if (typeof value === 'string' && /^(https?:\/)?\/\S+$/.test(value))
      record = withValueAt(
        record,
        path,
        value.replaceAll(new RegExp(`(?<=[/=])${escapeRegex(before)}(?![\\w-])`, 'g'), id),
      );
  }
  return record;
}

/** Keep a number a number, unless JSON cannot hold it exactly. */
export function scalarLike(example: unknown, text: string): string | number {
  return typeof example === 'number' && Number.isSafeInteger(Number(text)) && /^-?\d+$/.test(text)
    ? Number(text)
    : text;
}

function writeTime(raw: unknown, path: readonly string[], ms: number, kind: VersionKind | undefined): unknown {
  const value = valueAt(raw, path);
  const written = writeTimeLike(value, ms) ?? (value === undefined || value === null ? newTime(kind, ms) : undefined);
  return written === undefined ? raw : withValueAt(raw, path, written);
}

function newTime(kind: VersionKind | undefined, ms: number): string | number {
  if (kind === 'epoch_s') return Math.floor(ms / 1000);
  if (kind === 'epoch_ms') return ms;
  return kind === 'ms_date' ? `/Date(${ms}+0000)/` : new Date(ms).toISOString();
}

function versionLike(example: unknown, kind: 'integer' | 'opaque', change: number): string | number {
  if (kind === 'integer') return scalarLike(example ?? 0, String(Number(example ?? 0) + 1));
  const digest = createHash('sha256')
    .update(`${String(example)} ${change}`)
    .digest('hex')
    .slice(0, 32);
  const [, start = '', end = ''] = /^(W?\/?")[^"]*(")$/.exec(String(example)) ?? [];
  return `${start}${digest}${end}`;
}

/** The time of its last change that a record holds, in the record's precision; undefined if it holds none. */
export function timeOfRecord(raw: unknown, { version, updated }: Pick<RecordPlan, 'version' | 'updated'>) {
  const paths = [updated, version].flatMap((text) => (text === undefined ? [] : pathsIn(text)));
  return paths.map((path) => readTime(valueAt(raw, path))).find((ms) => ms !== undefined);
}
