/** Operators, and the keys that each is understood for. */
const understood = {
  StringEquals: ['sts:externalid'],
  StringLike: ['sts:externalid'],
  // Partition keys of the items that a request to DynamoDB names.
  'ForAllValues:StringEquals': ['dynamodb:leadingkeys'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

type Operator = keyof typeof understood;

/** One condition of a statement, on a value of the request. */
export interface Condition {
  readonly operator: Operator;
  /** In lower case: IAM compares keys without case. */
  readonly key: string;
  readonly values: readonly string[];
}

/** Values of a request that conditions read, by key in lower case. */
export type RequestContext = Readonly<Record<string, string | readonly string[]>>;

/** @returns Undefined for a block that cannot be evaluated. */
export function readConditions(block: unknown): readonly Condition[] | undefined {
  if (block === undefined) return [];
  if (typeof block !== 'object' || block === null) return undefined;
  const conditions: Condition[] = [];
  for (const [operator, tests] of Object.entries(block as Record<string, Record<string, unknown>>)) {
    if (!isOperator(operator)) return undefined;
    const keys: readonly string[] = understood[operator];
    for (const [key, value] of Object.entries(tests)) {
      const values = [value].flat();
      if (!keys.includes(key.toLowerCase()) || !values.every((one) => typeof one === 'string')) return undefined;
      conditions.push({ operator, key: key.toLowerCase(), values });
    }
  }
  return conditions;
}

function isOperator(text: string): text is Operator {
  return Object.hasOwn(understood, text);
}

/**
 * Whether a condition holds. A request without the key fulfills none: where IAM is more generous (`ForAllValues`), the
 * runner refuses.
 *
 * @param matches - Compares a pattern with `*` and `?` to a text.
 */
export function holds(
  { operator, key, values }: Condition,
  context: RequestContext,
  matches: (pattern: string, text: string) => boolean,
): boolean {
  const texts = [context[key] ?? []].flat();
  const isOne = (text: string) =>
    values.some((value) => (operator === 'StringLike' ? matches(value, text) : value === text));
  return texts.length > 0 && texts.every(isOne);
}
