import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether `npm run test:all` runs: the tests may take minutes to explore. */
    isExploring: boolean;
  }
}

/** As many runs of a property as there is time for: few in `npm test`, the more in `npm run test:all`. */
export function propertyRuns(few: number, many: number): { readonly numRuns: number } {
  return { numRuns: inject('isExploring') ? many : few };
}
