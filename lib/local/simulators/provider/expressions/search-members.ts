import { type Step, withValueAt } from './expression-place.ts';

/** Most combinations that are tried. */
const maxTries = 3_000;

export interface MemberSearch {
  /** The value whose members may change. */
  readonly base: unknown;
  /** The members that may change. */
  readonly paths: readonly (readonly Step[])[];
  /** Values to try; `undefined` removes the member. */
  readonly pool: readonly unknown[];
  readonly isRight: (candidate: unknown) => boolean | Promise<boolean>;
}

/**
 * Find members that make an expression give the wanted result, by trial: an expression that computes cannot be reversed.
 * Tries the value unchanged, then with one changed member, then with several.
 *
 * @returns Undefined if no combination is right.
 */
export async function searchMembers({ base, paths, pool, isRight }: MemberSearch): Promise<unknown> {
  let tries = 0;
  const visit = async (candidate: unknown, place: number, changes: number): Promise<unknown> => {
    if (changes === 0) {
      tries += 1;
      return tries <= maxTries && (await isRight(candidate)) ? candidate : undefined;
    }
    for (let next = place; next + changes <= paths.length; next += 1)
      for (const value of pool) {
        const found = await visit(withValueAt(candidate, paths[next] ?? [], value), next + 1, changes - 1);
        if (found !== undefined || tries > maxTries) return found;
      }
    return undefined;
  };
  for (let changes = 0; changes <= Math.min(3, paths.length); changes += 1) {
    const found = await visit(base, 0, changes);
    if (found !== undefined) return found;
  }
  return undefined;
}
