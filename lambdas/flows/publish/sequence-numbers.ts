import type { EventWriter, SealedSequence } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

/** Sequence numbers that one run takes for a tenant. */
export interface SequenceNumbers {
  /**
   * Have numbers for several uses, with one request at most.
   *
   * @param uses - How many numbers each use needs, and the number that all of them must be above.
   * @returns The numbers of each use, rising.
   */
  take(uses: readonly NumberUse[]): Promise<readonly (readonly number[])[]>;
  /** Give back a number that was not used: a later use may have it, or it is sealed. */
  giveBack(numbers: readonly number[]): void;
  /** The numbers that no use has. */
  unused(): readonly SealedSequence[];
  /** Epoch milliseconds, before the first request: by its answer the numbers may have been taken for a while. */
  readonly takenAtMs: number;
  /** Epoch milliseconds, after the last request: no smaller number is taken later. Readers take it for the time of writing. */
  readonly writtenAtMs: number;
}

export interface NumberUse {
  readonly count: number;
  readonly above: number;
}

/** @returns No number is taken yet. */
export function createSequenceNumbers(
  { events, clock }: { readonly events: Pick<EventWriter, 'takeSequences'>; readonly clock: Clock },
  tenant: string,
): SequenceNumbers {
  let spare: number[] = [];
  let takenAtMs: number | undefined;
  let writtenAtMs: number | undefined;

  /** Spare numbers for a use, or undefined where they do not suffice. */
  const fromSpare = ({ count, above }: NumberUse): readonly number[] | undefined => {
    const fitting = spare.filter((number) => number > above).slice(0, count);
    if (fitting.length < count) return undefined;
    spare = spare.filter((number) => !fitting.includes(number));
    return fitting;
  };

  return {
    get takenAtMs() {
      return takenAtMs ?? clock.nowMs();
    },
    get writtenAtMs() {
      return writtenAtMs ?? clock.nowMs();
    },
    async take(uses) {
      const served = uses.map(fromSpare);
      const missing = uses.reduce((sum, { count }, index) => sum + (served[index] === undefined ? count : 0), 0);
      if (missing === 0) return served.map((numbers) => numbers ?? []);
      takenAtMs ??= clock.nowMs();
      const first = await events.takeSequences(tenant, missing);
      writtenAtMs = clock.nowMs();
      let next = first;
      return served.map((numbers, index) => {
        if (numbers !== undefined) return numbers;
        const { count } = uses[index] as NumberUse;
        next += count;
        return Array.from({ length: count }, (_, place) => next - count + place);
      });
    },
    giveBack(numbers) {
      spare = [...spare, ...numbers].sort((one, other) => one - other);
    },
    unused: () => spare.map((sequence) => ({ tenant, sequence, sealed: true })),
  };
}
