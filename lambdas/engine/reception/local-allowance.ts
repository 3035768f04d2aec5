/** A rate: so many calls at once, and as many again over each window. */
export interface Rate {
  readonly calls: number;
  readonly windowMs: number;
}

/**
 * What one function instance knows of one bucket that all instances share.
 *
 * Asking the shared bucket for every call would cost a request each. So an instance lets a few calls of each window
 * through by itself, and then takes calls from the bucket in blocks, which it spends without asking.
 */
export interface LocalAllowance {
  readonly windowStartMs: number;
  /** Calls let through in this window. */
  readonly spent: number;
  /** Calls taken from the shared bucket and not spent. */
  readonly left: number;
  /** Until then the shared bucket has refused, and is not asked. */
  readonly refusedUntilMs: number;
  /** Until then calls pass, because the shared bucket could not be asked. */
  readonly unaskedUntilMs: number;
}

export type Spending =
  | { readonly kind: 'admitted'; readonly allowance: LocalAllowance }
  /** The shared bucket decides: it is asked for `block` calls at once. */
  | { readonly kind: 'ask'; readonly block: number; readonly allowance: LocalAllowance }
  | { readonly kind: 'limited'; readonly retryAfterMs: number; readonly allowance: LocalAllowance };

/** What an instance lets through in a window without asking: 600 instances together, as much again as the rate. */
const freeShare = 1 / 600;
/**
 * A block is a quarter of what the window has spent, so that what an instance takes and does not spend is at most a
 * quarter of its traffic, and a steady stream asks ever more rarely; and at most a hundredth of the rate, so that
 * many instances cannot hold the whole bucket.
 */
const blockShareOfSpent = 1 / 4;
const blockShareOfRate = 1 / 100;
/** How long calls pass unasked after the shared bucket could not be read. */
const unaskedMs = 5_000;

export const newAllowance: LocalAllowance = {
  windowStartMs: Number.NEGATIVE_INFINITY,
  spent: 0,
  left: 0,
  refusedUntilMs: Number.NEGATIVE_INFINITY,
  unaskedUntilMs: Number.NEGATIVE_INFINITY,
};

/** How long a call would be refused without asking; 0 where it would not. */
export function refusedForMs({ refusedUntilMs }: LocalAllowance, nowMs: number): number {
  return Math.max(0, refusedUntilMs - nowMs);
}

/** Decide about one call. */
export function spend(rate: Rate, before: LocalAllowance, nowMs: number): Spending {
  const retryAfterMs = refusedForMs(before, nowMs);
  if (retryAfterMs > 0) return { kind: 'limited', retryAfterMs, allowance: before };
  const allowance = inWindowOf(rate, before, nowMs);
  const { spent, left, unaskedUntilMs } = allowance;
  // Taken calls go first: they expire.
  if (left > 0) return { kind: 'admitted', allowance: { ...allowance, spent: spent + 1, left: left - 1 } };
  if (spent < freeOf(rate) || nowMs < unaskedUntilMs)
    return { kind: 'admitted', allowance: { ...allowance, spent: spent + 1 } };
  const mostAtOnce = Math.max(1, Math.floor(rate.calls * blockShareOfRate));
  const block = Math.min(mostAtOnce, Math.max(1, Math.ceil(spent * blockShareOfSpent)));
  return { kind: 'ask', block, allowance };
}

/** The shared bucket has given a block: one call of it is this one. */
export function granted(allowance: LocalAllowance, block: number): LocalAllowance {
  return { ...allowance, spent: allowance.spent + 1, left: allowance.left + block - 1 };
}

/** The shared bucket has less than was asked for. */
export function refused(allowance: LocalAllowance, retryAfterMs: number, nowMs: number): LocalAllowance {
  return { ...allowance, refusedUntilMs: nowMs + retryAfterMs };
}

/** The shared bucket could not be asked: the call passes, and so do those of the next seconds. */
export function unasked(allowance: LocalAllowance, nowMs: number): LocalAllowance {
  return { ...allowance, spent: allowance.spent + 1, unaskedUntilMs: nowMs + unaskedMs };
}

function freeOf({ calls }: Rate): number {
  return Math.floor(calls * freeShare);
}

/** The allowance of the window that it is; calls taken in the one before may still be spent. */
function inWindowOf({ windowMs }: Rate, before: LocalAllowance, nowMs: number): LocalAllowance {
  const ageMs = nowMs - before.windowStartMs;
  if (ageMs >= 0 && ageMs < windowMs) return before;
  const isNext = ageMs >= 0 && ageMs < 2 * windowMs;
  return { ...before, windowStartMs: nowMs, spent: 0, left: isNext ? before.left : 0 };
}
