import { fractionOf, type ProviderFaults } from '../draw-fault.ts';
import type { FaultName } from './named-faults.ts';

/** The faults of one call. */
export interface CallFaults {
  readonly faults: ProviderFaults;
  /** A number in [0, 1); the same one for the same purpose of the same call. */
  draw(what: string): number;
  /** Whether a fault comes. Counts it. */
  comes(kind: FaultName, percent: number, what?: string): boolean;
}

export interface CallFaultsOptions {
  readonly faults: ProviderFaults;
  readonly seed: string;
  /** Of the call. */
  readonly name: string;
  /** Counts the calls of the name. */
  readonly place: number;
  readonly count: (kind: FaultName) => void;
}

/** Draw faults so that the same call, counted by its name, always gets the same ones. */
export function createCallFaults({ faults, seed, name, place, count }: CallFaultsOptions): CallFaults {
  const draw = (what: string) => fractionOf(`${seed} ${name} ${place} ${what}`);
  return {
    faults,
    draw,
    comes(kind, percent, what = kind) {
      const hasCome = percent > 0 && draw(what) * 100 < percent;
      if (hasCome) count(kind);
      return hasCome;
    },
  };
}
