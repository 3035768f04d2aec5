import type { z } from 'zod';

/** One fault of a document's shape, found by its schema. */
export interface SchemaFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Whether the key is wrong, not its value. */
  readonly atKey?: boolean;
  /** Levels of the document that matched before this one failed. */
  readonly depth: number;
}

/** The faults behind one zod issue: one for each unknown key; of a union, those of the alternative that matched deepest. */
export function mostSpecificFaults(issue: z.core.$ZodIssue): readonly SchemaFault[] {
  const { path, message } = issue;
  const depth = path.length;
  const within = (inner: readonly z.core.$ZodIssue[]): readonly SchemaFault[] =>
    inner
      .flatMap(mostSpecificFaults)
      .map((fault) => ({ ...fault, path: [...path, ...fault.path], depth: depth + fault.depth }));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `"${key}" is not a key allowed here`,
        atKey: true,
        depth,
      }));
    case 'invalid_key':
      return within(issue.issues).map((fault) => ({ ...fault, atKey: true }));
    case 'invalid_union': {
      const deepest = (faults: readonly SchemaFault[]) => Math.max(...faults.map((fault) => fault.depth));
      const [best] = issue.errors
        .map(within)
        .filter((faults) => faults.length > 0)
        .sort((a, b) => deepest(b) - deepest(a) || a.length - b.length);
      return best ?? [{ path, message, depth }];
    }
    default:
      return [{ path, message, depth }];
  }
}
