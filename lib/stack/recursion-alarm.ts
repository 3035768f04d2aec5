import { Duration } from 'aws-cdk-lib';
import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { FunctionName } from '../../lambdas/contracts/environment.ts';
import type { EngineFunction } from '../constructs/engine-function.ts';
import type { EngineBuilder } from './engine-builder.ts';

/** Lambda detects loops that pass through queues, so it can stop only functions that a queue invokes. */
export function addRecursionAlarm(
  { scope, alarms }: EngineBuilder,
  consumers: Partial<Record<FunctionName, EngineFunction>>,
): void {
  const period = Duration.minutes(5);
  alarms.add(scope, 'RecursionAlarm', {
    meaning: 'Lambda took a chain of messages for an endless loop and stopped it: work was left undone.',
    runbookEntry: 'recursion-stopped',
    metric: new MathExpression({
      expression: 'SUM(FILL(METRICS(), 0))',
      label: 'RecursiveInvocationsDropped',
      period,
      usingMetrics: Object.fromEntries(
        Object.entries(consumers).map(([name, { lambda }]) => [
          name,
          lambda.metric('RecursiveInvocationsDropped', { statistic: 'Sum', period }),
        ]),
      ),
    }),
    threshold: 1,
  });
}
