/** One statement of a role's policies, reduced to the evaluated parts. `*` and `?` are wildcards, as in IAM. */
export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Partition keys that every item of a request to DynamoDB must have (condition `dynamodb:LeadingKeys`). */
  readonly leadingKeys?: readonly string[];
}

/** A function as AWS sees it when it calls: a session of its role. */
export interface Caller {
  /** Identifies the caller in every signed request. */
  readonly accessKeyId: string;
  /** `arn:aws:sts::<account>:assumed-role/<role>/<function>` */
  readonly arn: string;
  readonly statements: readonly Statement[];
}

/** One action on one resource that a request needs permission for. */
export interface Call {
  /** `dynamodb:PutItem` */
  readonly action: string;
  readonly resource: string;
  /** Partition keys of the items that a request to DynamoDB names; undefined where it names none. */
  readonly leadingKeys?: readonly string[];
}

export type Verdict =
  | { readonly kind: 'allowed' }
  /** `message` is that of AWS. */
  | { readonly kind: 'denied'; readonly message: string };

/**
 * Decide whether a caller's identity-based policies allow an action on a resource. An explicit Deny wins; an action
 * that no statement allows is denied.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function mayCall(caller: Caller, { action, resource, leadingKeys }: Call): Verdict {
  const effects = new Set(
    caller.statements
      .filter(
        ({ actions, resources, leadingKeys: only }) =>
          (only === undefined || leadingKeys?.every((key) => only.includes(key)) === true) &&
          actions.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
          resources.some((pattern) => matches(pattern, resource)),
      )
      .map(({ effect }) => effect),
  );
  if (effects.has('Allow') && !effects.has('Deny')) return { kind: 'allowed' };
  const reason = effects.has('Deny')
    ? 'with an explicit deny in an identity-based policy'
    : `because no identity-based policy allows the ${action} action`;
  return {
    kind: 'denied',
    message: `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${resource} ${reason}`,
  };
}

/** Cache of compiled patterns, bounded by the patterns of the template. */
const compiled = new Map<string, RegExp>();

function matches(pattern: string, value: string): boolean {
  if (pattern === '*' || pattern === value) return true;
  if (!/[*?]/.test(pattern)) return false;
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    expression = new RegExp(`^${source}$`, 's');
    compiled.set(pattern, expression);
  }
  return expression.test(value);
}
