/** One result of the benchmark. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** The unit of the value: `µs`, `bytes`, `times`. */
  readonly unit: string;
  /** The upper or lower bound of the value, in the same unit. */
  readonly budget?: number;
  readonly bound?: 'at most' | 'at least';
  readonly met?: boolean;
  /** Context that a reader needs to interpret the value. */
  readonly note?: string;
}

/** Figures by section, in the order of the sections. */
export interface SectionResult {
  readonly section: string;
  readonly about?: readonly string[] | undefined;
  readonly figures: readonly Figure[];
}

/** One part of the benchmark, in a file of its own that run.ts lists. */
export interface Section {
  /** Its name on the command line. */
  readonly key: string;
  readonly name: string;
  /** Paragraphs of BENCHMARKS.md that say what the figures mean. */
  readonly about?: readonly string[];
  /** @param before - Results of the earlier sections. */
  readonly run: (before: readonly SectionResult[]) => Promise<readonly Figure[]>;
}

/** @param budget - The upper bound of the figure's value, in its unit. */
export function withinBudget(figure: Figure, budget: number): Figure {
  return { ...figure, budget, bound: 'at most', met: figure.value <= budget };
}

/** @param budget - The lower bound of the figure's value, in its unit. */
export function reachesBudget(figure: Figure, budget: number): Figure {
  return { ...figure, budget, bound: 'at least', met: figure.value >= budget };
}

/** A figure rounded to its significant digits. */
export function figure(name: string, value: number, unit: string, note?: string): Figure {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return { name, value: Number(value.toFixed(digits)), unit, ...(note === undefined ? {} : { note }) };
}
