import { type Condition, holds, type RequestContext } from './conditions.ts';

/** One statement of a role's policies, reduced to the evaluated parts. `*` and `?` are wildcards, as in IAM. */
export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** All must hold. @default none */
  readonly conditions?: readonly Condition[];
}

/** A function as AWS sees it when it calls: a session of its role. */
export interface Caller {
  /** Identifies the caller in every signed request. */
  readonly accessKeyId: string;
  /** `arn:aws:sts::<account>:assumed-role/<role>/<function>` */
  readonly arn: string;
  readonly statements: readonly Statement[];
  /** Of a session with a policy of its own, which must allow each call, too. */
  readonly sessionPolicy?: readonly Statement[];
}

/** One action on one resource that a request needs permission for. */
export interface Call {
  /** `dynamodb:PutItem` */
  readonly action: string;
  readonly resource: string;
  /** Values of the request that conditions read. @default none */
  readonly context?: RequestContext;
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
export function mayCall(caller: Caller, call: Call): Verdict {
  const { action, resource } = call;
  const effects = effectsOf(caller.statements, call);
  const { sessionPolicy } = caller;
  if (effects.has('Allow') && !effects.has('Deny')) {
    if (sessionPolicy === undefined || effectsOf(sessionPolicy, call).has('Allow')) return { kind: 'allowed' };
    return { kind: 'denied', message: denied(caller, call, `because no session policy allows the ${action} action`) };
  }
  const reason = effects.has('Deny')
    ? 'with an explicit deny in an identity-based policy'
    : `because no identity-based policy allows the ${action} action`;
  return { kind: 'denied', message: denied(caller, { action, resource }, reason) };
}

/** Whether the decision about a call depends on more than its action and its resource. */
export function readsContext({ statements, sessionPolicy = [] }: Caller, call: Call): boolean {
  return [...statements, ...sessionPolicy].some(
    (statement) => statement.conditions !== undefined && concerns(statement, call),
  );
}

function concerns({ actions, resources }: Statement, { action, resource }: Call): boolean {
  return (
    actions.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
    resources.some((pattern) => matches(pattern, resource))
  );
}

function denied({ arn }: Caller, { action, resource }: Call, reason: string): string {
  return `User: ${arn} is not authorized to perform: ${action} on resource: ${resource} ${reason}`;
}

/** The effects of the statements that apply to a call. */
function effectsOf(statements: readonly Statement[], call: Call): ReadonlySet<Statement['effect']> {
  const { context = {} } = call;
  return new Set(
    statements
      .filter(
        (statement) =>
          concerns(statement, call) &&
          (statement.conditions ?? []).every((condition) => holds(condition, context, matches)),
      )
      .map(({ effect }) => effect),
  );
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
