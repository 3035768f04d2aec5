import type { CallMatch, CallPattern } from './call-pattern.ts';
import type { ProviderRequest } from './provider-request.ts';

/** A call that a request may be of. */
export interface Candidate {
  readonly pattern: CallPattern;
  readonly match: CallMatch;
}

/**
 * The calls that a request fits best. Several remain where a definition sends the same request for different things,
 * such as one endpoint for two resources.
 */
export function routeRequest(patterns: readonly CallPattern[], request: ProviderRequest): readonly Candidate[] {
  const fitting = patterns.flatMap((pattern): Candidate | readonly Candidate[] => {
    const match = pattern.match(request);
    return match === undefined ? [] : { pattern, match };
  });
  const [best] = fitting.sort((a, b) => compareRanks(b, a));
  return best === undefined ? [] : fitting.filter((one) => compareRanks(one, best) === 0);
}

function compareRanks(one: Candidate, other: Candidate): number {
  for (const [place, rank] of one.match.rank.entries()) {
    const difference = rank - (other.match.rank[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
