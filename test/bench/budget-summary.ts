import type { Figure, Section } from './section.ts';

/** Every budget, with the figure of this run. */
export const budgetSummary: Section = {
  key: 'budgets',
  name: 'Budgets',
  run: async (before) =>
    before.flatMap(({ section, figures }) =>
      figures
        .filter(({ budget }) => budget !== undefined)
        .map((found): Figure => ({ ...found, name: `${section}: ${found.name}` })),
    ),
};
