/** One number that the benchmark found. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** What the value counts: `µs`, `bytes`, `times`. */
  readonly unit: string;
  /** The most, or the least, that the value may be, in the same unit. */
  readonly budget?: number;
  readonly bound?: 'at most' | 'at least';
  readonly met?: boolean;
  /** What has to be known to read the value. */
  readonly note?: string;
}

/** Figures by section, in the order of the sections. */
export interface SectionResult {
  readonly section: string;
  readonly figures: readonly Figure[];
}

/** One part of the benchmark: a file of its own, named in run.ts. */
export interface Section {
  /** As the command line names it. */
  readonly key: string;
  readonly name: string;
  /** @param before - What the sections before this one found. */
  readonly run: (before: readonly SectionResult[]) => Promise<readonly Figure[]>;
}

/** @param budget - The most that the figure's value may be, in its unit. */
export function withinBudget(figure: Figure, budget: number): Figure {
  return { ...figure, budget, bound: 'at most', met: figure.value <= budget };
}

/** @param budget - The least that the figure's value may be, in its unit. */
export function reachesBudget(figure: Figure, budget: number): Figure {
  return { ...figure, budget, bound: 'at least', met: figure.value >= budget };
}

/** A figure with as many digits as mean something. */
export function figure(name: string, value: number, unit: string, note?: string): Figure {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return { name, value: Number(value.toFixed(digits)), unit, ...(note === undefined ? {} : { note }) };
}
