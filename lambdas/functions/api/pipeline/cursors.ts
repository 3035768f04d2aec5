import { z } from 'zod';
import { readSignedCursor, signCursor } from '../../../engine/access/signed-cursor.ts';
import type { EngineKey } from '../../../ports/runtime/engine-key.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { Principal } from './principal.ts';

/**
 * The cursors that a call accepts and returns. They are signed: a position becomes part of a store's key, so it must
 * come from the same list and the same tenant. Except for the feed's, they are valid with the same parameters only.
 */
export interface Cursors {
  /** The cursor of the next page; null on the last. */
  next(position: string | undefined): Promise<string | null>;
  /**
   * Where the previous page ended; undefined for the first page.
   *
   * @throws {ProblemError} 400 for a cursor that this list did not return.
   */
  after(): Promise<string | undefined>;
  /** Cursors of a tenant's feed: positions in its sequence, independent of filters. Consumers commit them too. */
  ofFeed(tenant: string): Promise<FeedCursors>;
}

export interface FeedCursors {
  write(sequence: number): string;
  /** @throws {ProblemError} 400 for a cursor of another feed. */
  read(cursor: string): number;
}

/** Query parameters that select a page or a wait. All others select the list, and the cursor is bound to them. */
const ofPage = new Set(['limit', 'cursor', 'wait']);

const listPosition = z.object({ after: z.string().min(1) });
const feedPosition = z.object({ sequence: z.int().nonnegative() });

interface ListCall {
  readonly operation: string;
  readonly principal: Principal;
  readonly params: Readonly<Record<string, string>>;
  /** The checked query; undefined if the operation has none. */
  readonly query: unknown;
}

/** The cursors of one call. Reads the engine's key only when a cursor is used, because most lists have one page. */
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
        throw unknownCursor('Send it with the parameters of the page that returned it, or start without a cursor.');
      return position.data.after;
    },
    async ofFeed(tenant) {
      const ofTenant = { tenant, list: 'feed', parameters: null };
      const signing = await key();
      return {
        write: (sequence) => signCursor(signing, ofTenant, { sequence }),
        read(cursor) {
          const position = feedPosition.safeParse(readSignedCursor(signing, ofTenant, cursor));
          if (!position.success)
            throw unknownCursor("It must come from the same tenant's feed; `since` starts anywhere.");
          return position.data.sequence;
        },
      };
    },
  };
}

function unknownCursor(remedy: string): ProblemError {
  return new ProblemError({ status: 400, detail: `This list did not return this cursor. ${remedy}` });
}
