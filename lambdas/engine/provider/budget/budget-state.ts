import type { LimitSpec } from '../language/limits-schema.ts';

/** Who asks for calls, most urgent first. */
export const priorities = ['webhook', 'read', 'poll', 'backfill'] as const;
export type Priority = (typeof priorities)[number];

/** A call that was granted and has not ended. */
export interface Flight {
  readonly id: string;
  readonly priority: Priority;
  readonly startedAtMs: number;
  /** Its caller is dead by then: the call counts as ended. */
  readonly expiresAtMs: number;
  /** What it takes, by limit. */
  readonly costs: Readonly<Record<string, number>>;
}

/** What is known of one limit. */
export interface LimitState {
  /** What the provider says the limit is; undefined where only the definition says it. */
  readonly maximum?: number;
  /** Ended calls of the window: `[end of a slot in epoch ms, cost]`, oldest first. */
  readonly ended: readonly (readonly [untilMs: number, cost: number])[];
  /** Of a bucket: what it held, and when. */
  readonly level?: { readonly tokens: number; readonly atMs: number };
  /** The provider's last word on what is left, and what was taken since. */
  readonly told?: {
    readonly remaining: number;
    /** When the call began that brought the answer: later calls are not in it. */
    readonly askedAtMs: number;
    /** When the word has no meaning any more. */
    readonly untilMs: number;
    /** Cost of calls that began later and have ended. */
    readonly since: number;
  };
  /** Start of the current window, where the count starts anew at a known time. */
  readonly resetAtMs?: number;
}

/** Calls that wait for a budget, of one priority. */
export interface Waiting {
  readonly sinceMs: number;
  /** They ask again by then; later they are forgotten. */
  readonly untilMs: number;
  readonly calls: number;
}

/** The budget of an account, or of all accounts that share one; JSON. */
export interface BudgetState {
  readonly flights: readonly Flight[];
  readonly limits: Readonly<Record<string, LimitState>>;
  /** By `*`, the name of a limit or of a call: no such call before that time. */
  readonly blocks: Readonly<Record<string, number>>;
  readonly waiting: { readonly [P in Priority]?: Waiting };
  /** Times in a row that the provider said to slow down without saying for how long. */
  readonly strikes?: number;
}

export const newBudget: BudgetState = { flights: [], limits: {}, blocks: {}, waiting: {} };
export const newLimit: LimitState = { ended: [] };

/** A limit as it applies to an account. */
export interface AppliedLimit {
  readonly spec: LimitSpec;
  /** The part of it that the account may use, above 0 up to 1. */
  readonly share: number;
  /** The part of it that only webhooks may use. */
  readonly reserve: number;
}

/** The most that an account may use of a limit. */
export function maximumOf({ spec, share }: AppliedLimit, state: LimitState): number {
  const whole = state.maximum ?? spec.calls ?? spec.concurrent ?? spec.bucket ?? 0;
  return Math.max(1, Math.floor(whole * share));
}

/** What a priority must leave of a limit. One that allows a call or two cannot be divided. */
export function reserveOf(limit: AppliedLimit, maximum: number, priority: Priority): number {
  return priority === 'webhook' || maximum <= 2 ? 0 : Math.ceil(maximum * limit.reserve);
}
