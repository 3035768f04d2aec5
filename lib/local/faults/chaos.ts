import type { CallFault, GatedCall, JudgeCall } from './call-gate.ts';

/** What chaos does, and to how many of 100 requests. */
export type ChaosRates = Readonly<Record<CallFault['kind'], number>>;

/** Many times what AWS does to a customer, and little enough that nearly all goes on. */
export const defaultChaosRates: ChaosRates = {
  refused: 2,
  'answer-lost': 1,
  throttled: 2,
  doubled: 1,
  delayed: 5,
  killed: 0.5,
};

/** The longest delay of a request that is delayed: functions give up on one that takes longer than 2.5 s. */
const maxDelayMs = 1_000;
const kinds = Object.keys(defaultChaosRates) as (keyof ChaosRates)[];

/**
 * Read the rates that a flag gives: `killed=1,refused=5`. What it does not name is left as it is by default;
 * without any, all are.
 *
 * @throws {RangeError} which says what is wrong with the text.
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

/** Faults at random, at stated rates. */
export interface Chaos {
  /** Nothing fails before. */
  begin(): void;
  readonly judge: JudgeCall;
  /** What becomes of a request that is no call to AWS. */
  readonly strike: () => CallFault | undefined;
  /** How often each has struck. */
  counts(): Readonly<Record<string, number>>;
}

/**
 * @param random - In [0, 1).
 * @param onKill - Told of each function that is killed, and in which call.
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
    // A subscriber can fail and be slow; it kills no function, and what comes twice to it is the engine's doing.
    strike: () => draw((kind) => kind !== 'killed' && kind !== 'doubled'),
    judge(call) {
      const fault = draw((kind) => kind !== 'killed' || call.caller !== 'poller');
      if (fault?.kind === 'killed') onKill(call);
      return fault;
    },
    counts: () => ({ ...counts }),
  };
}
