/** A token bucket's rate: a burst of `calls`, refilled by `calls` over each window. */
export interface Rate {
  readonly calls: number;
  readonly windowMs: number;
}

/**
 * One function instance's view of a token bucket that all instances share.
 *
 * Asking the shared bucket for every call would cost one request per call. So an instance admits a few calls of each
 * window by itself. After that it takes calls from the bucket in blocks and spends them without asking.
 */
export interface LocalAllowance {
  readonly windowStartMs: number;
  /** Calls admitted in this window. */
  readonly spent: number;
  /** Calls taken from the shared bucket and not yet spent. */
  readonly left: number;
  /** The shared bucket refused calls until this time, so the instance does not ask it before then. */
  readonly refusedUntilMs: number;
  /** Calls pass until this time, because the shared bucket was unavailable. */
  readonly unaskedUntilMs: number;
}

export type Spending =
  | { readonly kind: 'admitted'; readonly allowance: LocalAllowance }
  /** Ask the shared bucket for `block` calls at once; it decides. */
  | { readonly kind: 'ask'; readonly block: number; readonly allowance: LocalAllowance }
  | { readonly kind: 'limited'; readonly retryAfterMs: number; readonly allowance: LocalAllowance };

/** Share of the rate that an instance admits per window without asking; 600 instances together admit the rate twice. */
const freeShare = 1 / 600;
/**
 * A block is a quarter of the calls spent in the window: an instance never holds unspent calls for more than a quarter
 * of its traffic, and asks less often as a steady stream goes on. A block is at most a hundredth of the rate, so many
 * instances cannot empty the bucket.
 */
const blockShareOfSpent = 1 / 4;
const blockShareOfRate = 1 / 100;
/** How long calls pass without asking after the shared bucket was unavailable. */
const unaskedMs = 5_000;

export const newAllowance: LocalAllowance = {
  windowStartMs: Number.NEGATIVE_INFINITY,
  spent: 0,
  left: 0,
  refusedUntilMs: Number.NEGATIVE_INFINITY,
  unaskedUntilMs: Number.NEGATIVE_INFINITY,
};

/** How long this instance refuses calls without asking the shared bucket; 0 if it does not refuse. */
export function refusedForMs({ refusedUntilMs }: LocalAllowance, nowMs: number): number {
  return Math.max(0, refusedUntilMs - nowMs);
}

/** Decide whether to admit one call. */
export function spend(rate: Rate, before: LocalAllowance, nowMs: number): Spending {
  const retryAfterMs = refusedForMs(before, nowMs);
  if (retryAfterMs > 0) return { kind: 'limited', retryAfterMs, allowance: before };
  const allowance = inWindowOf(rate, before, nowMs);
  const { spent, left, unaskedUntilMs } = allowance;
  // Spend taken calls first, because they expire.
  if (left > 0) return { kind: 'admitted', allowance: { ...allowance, spent: spent + 1, left: left - 1 } };
  if (spent < freeOf(rate) || nowMs < unaskedUntilMs)
    return { kind: 'admitted', allowance: { ...allowance, spent: spent + 1 } };
  const mostAtOnce = Math.max(1, Math.floor(rate.calls * blockShareOfRate));
  const block = Math.min(mostAtOnce, Math.max(1, Math.ceil(spent * blockShareOfSpent)));
  return { kind: 'ask', block, allowance };
}

/** Record that the shared bucket gave a block; spend one call of it. */
export function granted(allowance: LocalAllowance, block: number): LocalAllowance {
  return { ...allowance, spent: allowance.spent + 1, left: allowance.left + block - 1 };
}

/** Record that the shared bucket refused the block. */
export function refused(allowance: LocalAllowance, retryAfterMs: number, nowMs: number): LocalAllowance {
  return { ...allowance, refusedUntilMs: nowMs + retryAfterMs };
}

/** Record that the shared bucket was unavailable: admit this call and those of the next seconds. */
export function unasked(allowance: LocalAllowance, nowMs: number): LocalAllowance {
  return { ...allowance, spent: allowance.spent + 1, unaskedUntilMs: nowMs + unaskedMs };
}

function freeOf({ calls }: Rate): number {
  return Math.floor(calls * freeShare);
}

/** The allowance for the current window; calls taken in the previous window can still be spent. */
function inWindowOf({ windowMs }: Rate, before: LocalAllowance, nowMs: number): LocalAllowance {
  const ageMs = nowMs - before.windowStartMs;
  if (ageMs >= 0 && ageMs < windowMs) return before;
  const isNext = ageMs >= 0 && ageMs < 2 * windowMs;
  return { ...before, windowStartMs: nowMs, spent: 0, left: isNext ? before.left : 0 };
}
