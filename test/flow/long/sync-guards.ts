import type { Kind } from '../sync/converging-feeds.ts';

/** A guard of the polls: the line that holds it, and the line without it. */
export interface Guard {
  readonly guard: string;
  readonly file: string;
  readonly line: string;
  readonly without: string;
  /** Kinds of cursors whose histories must show its absence. */
  readonly kinds: readonly Kind[];
  /** The first history. @default 1 */
  readonly firstSeed?: number;
}

const cursorFile = 'lambdas/engine/sync/cursor.ts';
const pageFile = 'lambdas/engine/sync/after-page.ts';

export const guards: readonly Guard[] = [
  {
    guard: 'a run reads again what the provider may have shown late',
    file: cursorFile,
    line: 'lookbackMs: Math.max(ms(spec?.lookback ?? spec?.lag), exclusiveMs),',
    without: 'lookbackMs: exclusiveMs,',
    kinds: ['time by pages', 'time by links', 'time in whole seconds'],
  },
  {
    guard: 'a bound that leaves out its own second is moved before it',
    file: cursorFile,
    line: "const exclusiveMs = spec?.bound === 'exclusive' ? Math.max(1, ms(spec.precision)) : 0;",
    without: 'const exclusiveMs = 0;',
    kinds: ['time, its own second left out'],
  },
  {
    guard: 'the cursor does not pass the clock of the server at the first page',
    file: cursorFile,
    line: 'if (ms === undefined || ms <= boundMs || later === before) return later;',
    without: 'return later;',
    kinds: ['time by links', 'ids of what changed'],
  },
  {
    guard: 'a row with other content at the same time is not known',
    file: cursorFile,
    line: 'return digest(canonicalJson([id, version ?? null, cursor, isAbsent, data as never]));',
    without: 'return digest(id);',
    kinds: ['time by pages'],
  },
  {
    guard: 'pages by number are read on at the last row, so that no row slips between two pages',
    file: pageFile,
    line: "return plan.kind === 'time' && page?.order === 'asc' && readsSince;",
    without: 'return false;',
    kinds: ['time by pages', 'time in whole seconds'],
  },
  {
    guard: 'what comes behind a time that filled a page is read from a first page of its own',
    file: pageFile,
    line: 'return mayDrift(position) && window.isPastPage !== true',
    without: 'return false',
    kinds: ['changes and deletions'],
    // Five rows of one time, a row that drifts, and a cursor that was held there before: few histories have all three.
    firstSeed: 3_000_055,
  },
  {
    guard: 'a page that comes twice does not count',
    file: pageFile,
    line: "const isRepeated = position.kind !== 'first' && facts.rows > 0 && facts.digest === lastDigest;",
    without: 'const isRepeated = false;',
    kinds: ['a listing, then changes'],
  },
  {
    guard: 'the cursor moves when all pages are published',
    file: 'lambdas/flows/sync/advance-run.ts',
    line: 'const end = await readAndPublish(work);',
    without: 'const end = await readAndPublish(work); if (end.kind !== "done") await commit(work);',
    kinds: ['time by pages', 'time by links', 'token'],
  },
  {
    guard: 'a feed of tokens that begins after records are known is followed by a comparison',
    file: 'lambdas/flows/sync/advance-run.ts',
    line: 'if (await beginsAfterKnown(work)) await compareAfterwards(work);',
    without: '',
    kinds: ['token'],
    // A run must die just before the feed has given a token, which few histories have.
    firstSeed: 528_300,
  },
  {
    guard: 'a page token that has ended leads back to the first page',
    file: 'lambdas/flows/sync/read-part.ts',
    line: "if (place.position.kind === 'first') return { kind: 'restart' };",
    without:
      "if (place.position.kind !== 'first') { await savePlace(work, { phase: 'publish' }); return { kind: 'done' }; }",
    kinds: ['time by links', 'token'],
  },
  {
    guard: 'a record that a listing lacks is read before it counts as deleted',
    file: 'lambdas/flows/sync/find-absent.ts',
    line: "if (read.kind === 'gone' && (state.isDeleted || provesAbsence(work, resource, state, read.startedAtMs)))",
    without: 'if (read.kind !== "wait")',
    kinds: ['complete listing'],
  },
];
