/**
 * The lint rule that oxlint lacks: no `new Date()` and no `Date()` without arguments.
 *
 * Both read the clock, which the engine and the flows receive from their caller. `new Date(iso)` stays allowed.
 *
 * @see https://oxc.rs/docs/guide/usage/linter/js-plugins.html
 */

/** The parts of ESTree's `NewExpression` and `CallExpression` that the rule reads. */
interface Call {
  readonly type: 'NewExpression' | 'CallExpression';
  readonly callee: { readonly type: string; readonly name?: string };
  readonly arguments: readonly unknown[];
}

interface RuleContext {
  report(fault: { node: Call; message: string }): void;
}

export default {
  meta: { name: 'purity' },
  rules: {
    'no-ambient-date': {
      create(context: RuleContext) {
        const check = (node: Call) => {
          if (node.callee.type !== 'Identifier' || node.callee.name !== 'Date') return;
          // Without `new`, Date ignores its arguments and returns the current time.
          if (node.type === 'NewExpression' && node.arguments.length > 0) return;
          context.report({ node, message: 'This reads the clock: take the instant from the caller.' });
        };
        return { NewExpression: check, CallExpression: check };
      },
    },
  },
};
