import type { AnswerPlan } from '../../../../../lambdas/engine/provider/answer/answer-plan.ts';
import type { CallSpec, PageSpec } from '../../../../../lambdas/engine/provider/language/call-schema.ts';
import type { CursorSpec } from '../../../../../lambdas/engine/provider/language/cursor-schema.ts';
import type { PagePosition } from '../../../../../lambdas/engine/provider/request/page-position.ts';
import { noFaults } from '../draw-fault.ts';
import { placeOf } from '../expressions/expression-place.ts';
import { createCallFaults } from '../faults/call-faults.ts';
import type { RecordStore } from '../records/record-store.ts';
import type { CallPattern } from '../requests/call-pattern.ts';
import type { ProviderRequest } from '../requests/provider-request.ts';
import type { AnswerShape } from './answer-shape.ts';
import { isFollowing, readPage } from './page-position.ts';
import { readAsEngine } from './provider-answer.ts';
import { writePage } from './write-page.ts';

export interface CursorTrial {
  readonly spec: CallSpec & { readonly page?: PageSpec | undefined; readonly cursor?: CursorSpec | undefined };
  readonly pattern: CallPattern;
  readonly plan: AnswerPlan;
  readonly shape: AnswerShape;
  readonly store: RecordStore;
  readonly context: Readonly<Record<string, unknown>>;
  /** The call's own request for a page; undefined where it cannot be made. */
  readonly request: (position?: PagePosition) => ProviderRequest | undefined;
}

/**
 * Answer with a page and a cursor, and read the cursor in the request of the next page.
 *
 * @returns Why that fails. The definition may be right: providers compute what the simulator cannot.
 */
export async function cursorFault(trial: CursorTrial): Promise<string | undefined> {
  const { page, cursor } = trial.spec;
  if (cursor?.kind === 'token' && cursor.answer !== undefined && placeOf(cursor.answer) === undefined)
    return computed('cursor.answer', cursor.answer);
  if (page?.cursor === undefined) return undefined;
  if (placeOf(page.cursor.from) === undefined) return computed('page.cursor.from', page.cursor.from);
  const position = await nextPosition(trial, page);
  const request = position && trial.request(position);
  const match = request && trial.pattern.match(request);
  const asked = match === undefined ? undefined : readPage(page, match, request as ProviderRequest);
  if (typeof asked === 'object' && isFollowing(asked)) return undefined;
  const why = typeof asked === 'string' ? `: ${asked}` : '';
  return `the simulator cannot read its cursor in the request of the next page${why}`;
}

function computed(path: string, text: string): string {
  return `\`${path}: ${text}\` computes the cursor, so the simulator cannot write it`;
}

/** Where the engine goes on after a page with a cursor. */
async function nextPosition(
  { plan, shape, store, context, request }: CursorTrial,
  spec: PageSpec,
): Promise<PagePosition | undefined> {
  const first = request();
  const rows = store.all();
  if (first === undefined || rows.length === 0) return undefined;
  const page = { rows, before: [], hasMore: true, offset: 0, given: rows.length, total: 1000, size: rows.length };
  const input = { page: { ...page, order: spec.order }, request: first, origin: undefined, context };
  const call = createCallFaults({ faults: noFaults, seed: '', name: '', place: 1, count: () => undefined });
  const listing = { listing: 'trial', issuedAtMs: 0 };
  const answer = await writePage(spec, await shape.withRecords(rows), { ...input, ...listing }, call);
  return (await readAsEngine(plan, answer, context)).next;
}
