import { describe, expect, test } from 'vitest';
import { afterPage, type PageRules } from '../../../../lambdas/engine/sync/after-page.ts';
import { planCursor } from '../../../../lambdas/engine/sync/cursor.ts';
import type { PlaceProgress, TimeWindow } from '../../../../lambdas/engine/sync/sync-state.ts';

const minute = '2026-11-21T12:05:00.000Z';
const later = '2026-11-21T12:07:00.000Z';
const digests = { first: 'a', second: 'b' };

function rules(bound: 'inclusive' | 'exclusive' = 'inclusive'): PageRules {
  return {
    plan: planCursor({ kind: 'time', from: 'updated_at', bound, precision: '1s', settle: '10s', url: false }, 'time'),
    page: { number: { to: 'query.page', start: 1 }, size: 5, order: 'asc' },
    cap: undefined,
    readsSince: true,
    readsUntil: false,
    serverMs: Date.parse(later),
  };
}

/** A part whose first page was full of rows of one time. */
function behindFullPage(window: TimeWindow = { since: minute }): PlaceProgress {
  return {
    phase: 'read',
    by: 'changes',
    isFirst: false,
    position: { kind: 'number', number: 2 },
    spooled: 1,
    published: 0,
    publishedRows: 0,
    windows: [window],
    windowRows: 5,
    trail: [digests.first],
    repeats: 0,
    isPartial: false,
    isUnchanged: false,
    restarts: 0,
    parents: 0,
    pending: [],
    beganAtMs: Date.parse(later),
    heldAt: minute,
  };
}

const page = { rows: 3, next: undefined, digest: digests.second, lastValue: later };

describe('pages by number behind a page that one time filled', () => {
  test('what comes after that time is read from a first page of its own', () => {
    const step = afterPage(rules(), behindFullPage(), page);

    expect(step).toMatchObject({
      kind: 'accept',
      isEnd: false,
      moved: { position: { kind: 'first' }, windows: [{ since: '2026-11-21T12:05:00.001Z', isPastPage: true }] },
    });
  });

  test('a bound that leaves out its own time is moved by its precision', () => {
    const step = afterPage(rules('exclusive'), behindFullPage({ since: '2026-11-21T12:04:59.000Z' }), page);

    expect(step).toMatchObject({ moved: { windows: [{ since: minute, isPastPage: true }] } });
  });

  test('a provider that cuts the time of the request is asked for it once', () => {
    const again = behindFullPage({ since: '2026-11-21T12:05:00.001Z', isPastPage: true });

    expect(afterPage(rules(), again, page)).toMatchObject({ kind: 'accept', isEnd: true });
    expect(afterPage(rules(), again, { ...page, next: { kind: 'number', number: 3 } })).toMatchObject({
      isEnd: false,
      moved: { position: { kind: 'first' }, windows: [{ since: later }] },
    });
  });

  test('a page with nothing after that time ends the listing', () => {
    expect(afterPage(rules(), behindFullPage(), { ...page, lastValue: minute })).toMatchObject({ isEnd: true });
    expect(afterPage(rules(), behindFullPage(), { ...page, rows: 0, lastValue: undefined })).toMatchObject({
      isEnd: true,
    });
  });
});
