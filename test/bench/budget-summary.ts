import type { Figure, Section } from './section.ts';

/** Budgets of features that the engine does not have yet. */
const notBuiltYet = ['Polling calls when nothing changed: 1 per resource'] as const;

/** Every budget, with the figure of this run. */
export const budgetSummary: Section = {
  key: 'budgets',
  name: 'Budgets',
  run: async (before) => [
    ...before.flatMap(({ section, figures }) =>
      figures
        .filter(({ budget }) => budget !== undefined)
        .map((found): Figure => ({ ...found, name: `${section}: ${found.name}` })),
    ),
    ...notBuiltYet.map((name): Figure => ({ name, value: Number.NaN, unit: '', note: 'not built yet' })),
  ],
};
