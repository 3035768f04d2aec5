import { z } from 'zod';
import { readSignedCursor, signCursor } from '../../../engine/access/signed-cursor.ts';
import type { EngineKey } from '../../../ports/runtime/engine-key.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { Principal } from './principal.ts';

/**
 * The cursors that a call takes and gives. They are signed: a position goes to a store as part of a key, so it must be
 * one that the same list gave to the same tenant. All but those of the feed are good with the same parameters only.
 */
export interface Cursors {
  /** The cursor of the next page; null on the last. */
  next(position: string | undefined): Promise<string | null>;
  /**
   * Where the page before ended; undefined for the first page.
   *
   * @throws {ProblemError} 400 for a cursor that this list has not given.
   */
  after(): Promise<string | undefined>;
  /** Those of a tenant's feed: places in its sequence, whatever the filters. Consumers commit them, too. */
  ofFeed(tenant: string): Promise<FeedCursors>;
}

export interface FeedCursors {
  write(sequence: number): string;
  /** @throws {ProblemError} 400 for a cursor that is not one of this feed. */
  read(cursor: string): number;
}

/** What says which page is meant, and how it is waited for: the rest says which list. */
const ofPage = new Set(['limit', 'cursor', 'wait']);

const listPosition = z.object({ after: z.string().min(1) });
const feedPosition = z.object({ sequence: z.int().nonnegative() });

interface ListCall {
  readonly operation: string;
  readonly principal: Principal;
  readonly params: Readonly<Record<string, string>>;
  /** As it was checked; undefined where the operation takes none. */
  readonly query: unknown;
}

/** The cursors of one call. The engine's key is asked for where a cursor comes or goes: most lists have one page. */
export function createCursors(engineKey: EngineKey, call: ListCall): Cursors {
  const { operation, principal, params } = call;
  const query = (call.query ?? {}) as Readonly<Record<string, unknown>> & { readonly cursor?: string };
  const binding = {
    tenant: principal.tenant ?? '*',
    list: operation,
    parameters: { params, query: Object.fromEntries(Object.entries(query).filter(([name]) => !ofPage.has(name))) },
  };
  const key = async () => engineKey.derive('cursor');
  return {
    next: async (position) => (position === undefined ? null : signCursor(await key(), binding, { after: position })),
    async after() {
      if (query.cursor === undefined) return undefined;
      const position = listPosition.safeParse(readSignedCursor(await key(), binding, query.cursor));
      if (!position.success)
        throw notGiven('Send it with the parameters of the page that gave it, or begin without a cursor.');
      return position.data.after;
    },
    async ofFeed(tenant) {
      const ofTenant = { tenant, list: 'feed', parameters: null };
      const signing = await key();
      return {
        write: (sequence) => signCursor(signing, ofTenant, { sequence }),
        read(cursor) {
          const position = feedPosition.safeParse(readSignedCursor(signing, ofTenant, cursor));
          if (!position.success) throw notGiven("It must come from the same tenant's feed; `since` begins anywhere.");
          return position.data.sequence;
        },
      };
    },
  };
}

function notGiven(remedy: string): ProblemError {
  return new ProblemError({ status: 400, detail: `The cursor is not one that this list gave. ${remedy}` });
}
