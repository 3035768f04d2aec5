import type { CallFault, JudgeCall } from './call-gate.ts';
import type { GatedCall } from './gated-call.ts';

/** Percentage of requests that get each fault. */
export type ChaosRates = Readonly<Record<CallFault['kind'], number>>;

/** Many times the fault rate of AWS, and low enough that most requests succeed. */
export const defaultChaosRates: ChaosRates = {
  refused: 2,
  'answer-lost': 1,
  throttled: 2,
  doubled: 1,
  delayed: 5,
  killed: 0.5,
};

/** Maximum delay of a delayed request: functions time out a request after 2.5 s. */
const maxDelayMs = 1_000;
const kinds = Object.keys(defaultChaosRates) as (keyof ChaosRates)[];

/**
 * Read the rates of a flag: `killed=1,refused=5`. Faults that it does not name keep their default rate; an empty text
 * keeps all defaults.
 *
 * @throws {RangeError} when the text is malformed.
 */
export function parseChaosRates(text: string): ChaosRates {
  const given = text === '' ? [] : text.split(',').map((part) => part.split('='));
  const rates: Record<string, number> = { ...defaultChaosRates };
  for (const [kind = '', percent = ''] of given) {
    if (!kinds.includes(kind as keyof ChaosRates))
      throw new RangeError(`--chaos: expected one of ${kinds.join(', ')}; got "${kind}"`);
    if (!/^\d+(\.\d+)?$/.test(percent) || Number(percent) > 100)
      throw new RangeError(`--chaos: expected a percentage for ${kind}, such as ${kind}=1; got "${percent}"`);
    rates[kind] = Number(percent);
  }
  const sum = Object.values(rates).reduce((total, rate) => total + rate, 0);
  if (sum > 100) throw new RangeError(`--chaos: the rates are ${sum} % together; 100 is all`);
  return rates as ChaosRates;
}

/** Random faults at given rates. */
export interface Chaos {
  /** Start the faults; until then, every request passes. */
  begin(): void;
  readonly judge: JudgeCall;
  /** The fate of a request that does not call AWS. */
  readonly strike: () => CallFault | undefined;
  /** How often each fault has happened. */
  counts(): Readonly<Record<string, number>>;
}

/**
 * @param random - In [0, 1).
 * @param onKill - Called for each killed function, with the call that it made.
 */
export function createChaos(
  rates: ChaosRates,
  random: () => number,
  onKill: (call: GatedCall) => void = () => {},
): Chaos {
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<keyof ChaosRates, number>;
  let hasBegun = false;
  const draw = (isPossible: (kind: keyof ChaosRates) => boolean): CallFault | undefined => {
    if (!hasBegun) return undefined;
    let drawn = random() * 100;
    const kind = kinds.find((one) => {
      drawn -= rates[one];
      return drawn < 0;
    });
    if (kind === undefined || !isPossible(kind)) return undefined;
    counts[kind] += 1;
    return kind === 'delayed' ? { kind, delayMs: Math.ceil(random() * maxDelayMs) } : { kind };
  };
  return {
    begin() {
      hasBegun = true;
    },
    // A subscriber can fail or be slow. It cannot kill a function, and only the engine can send a callback twice.
    strike: () => draw((kind) => kind !== 'killed' && kind !== 'doubled'),
    judge(call) {
      const fault = draw((kind) => kind !== 'killed' || call.caller !== 'poller');
      if (fault?.kind === 'killed') onKill(call);
      return fault;
    },
    counts: () => ({ ...counts }),
  };
}
