/** One number that the benchmark found. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** What the value counts: `µs`, `bytes`, `times`. */
  readonly unit: string;
  /** The most that the value may be, in the same unit. */
  readonly budget?: number;
  readonly met?: boolean;
}

/** One part of the benchmark: a file of its own, named in run.ts. */
export interface Section {
  readonly name: string;
  readonly run: () => Promise<readonly Figure[]>;
}

/** @param budget - The most that the figure's value may be, in its unit. */
export function withinBudget(figure: Figure, budget: number): Figure {
  return { ...figure, budget, met: figure.value <= budget };
}
