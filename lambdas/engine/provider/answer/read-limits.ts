import type { LimitReading, ProviderAnswerText } from './answer-plan.ts';
import { type Bindings, evaluate } from './evaluate.ts';
import { readTimeMs } from './read-time.ts';

/** What an answer says of a limit. */
export interface ObservedLimit {
  readonly name: string;
  readonly remaining?: number | undefined;
  readonly maximum?: number | undefined;
  /** Epoch milliseconds. */
  readonly resetAtMs?: number | undefined;
  /** What the call cost. */
  readonly charged?: number | undefined;
}

const maxPatternInput = 500;

/** Read what an answer says of the limits. What it does not say, or writes in another form, is left out. */
export async function readLimits(
  limits: readonly LimitReading[],
  { receivedAtMs }: ProviderAnswerText,
  body: unknown,
  bindings: Bindings,
  timeoutMs?: number,
): Promise<readonly ObservedLimit[]> {
  const observed: ObservedLimit[] = [];
  for (const limit of limits) {
    const read = async (text: string | undefined) =>
      text === undefined ? undefined : await evaluate(text, body, bindings, timeoutMs).catch(() => undefined);
    const [remaining, used, maximum] = [await read(limit.remaining), await read(limit.used), await read(limit.maximum)];
    const written = limit.pattern === undefined ? undefined : groupsOf(limit.pattern, used ?? remaining);
    const most = numberOf(written?.['maximum'] ?? maximum);
    const spent = numberOf(written === undefined ? used : written['used']);
    const left = numberOf(written === undefined ? remaining : written['remaining']);
    const found: ObservedLimit = {
      name: limit.name,
      remaining: left ?? (spent !== undefined && most !== undefined ? most - spent : undefined),
      maximum: most,
      resetAtMs:
        limit.reset === undefined ? undefined : readTimeMs(await read(limit.reset.from), limit.reset.as, receivedAtMs),
      charged: numberOf(await read(limit.charged)),
    };
    if (Object.entries(found).some(([name, value]) => name !== 'name' && value !== undefined)) observed.push(found);
  }
  return observed;
}

function groupsOf(pattern: string, text: unknown): Readonly<Record<string, string | undefined>> {
  return typeof text === 'string' ? (new RegExp(pattern).exec(text.slice(0, maxPatternInput))?.groups ?? {}) : {};
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return typeof value === 'string' && /^\s*-?\d+(\.\d+)?\s*$/.test(value) ? Number(value) : undefined;
}
