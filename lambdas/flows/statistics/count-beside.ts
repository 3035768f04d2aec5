import type { Pause } from '../../ports/runtime/pause.ts';

/** How counting went. Whatever it was, it changes nothing of what was counted. */
export type Counting =
  | { readonly kind: 'counted' }
  /** It goes on, for as long as the function's instance lives. */
  | { readonly kind: 'late' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Wait for counting, but not longer than `maxWaitMs`, and throw nothing. */
export async function countBeside(
  { pause }: { readonly pause: Pause },
  maxWaitMs: number,
  count: () => Promise<void>,
): Promise<Counting> {
  const counting = count().then(
    (): Counting => ({ kind: 'counted' }),
    (error: unknown): Counting => ({ kind: 'failed', error }),
  );
  return Promise.race([counting, pause(maxWaitMs).then((): Counting => ({ kind: 'late' }))]);
}
