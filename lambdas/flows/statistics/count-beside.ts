import type { Pause } from '../../ports/runtime/pause.ts';

/** How counting ended. It never affects the work that is counted. */
export type Counting =
  | { readonly kind: 'counted' }
  /** Counting continues for as long as the function's instance lives. */
  | { readonly kind: 'late' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Wait for counting for at most `maxWaitMs`; never throws. */
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
