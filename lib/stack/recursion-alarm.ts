import { Duration } from 'aws-cdk-lib';
import type { EngineFunction } from '../constructs/engine-function.ts';
import type { EngineBuilder } from './engine-builder.ts';

/**
 * An alarm on chains of messages that Lambda stops. It detects loops that pass through queues, so it can stop only
 * functions that a queue invokes, and of these only normalize: the others send to their own queues and are allowed to.
 */
export function addRecursionAlarm({ scope, alarms }: EngineBuilder, normalize: EngineFunction<'normalize'>): void {
  alarms.add(scope, 'RecursionAlarm', {
    meaning: 'Lambda took a chain of messages for an endless loop and stopped it: work was left undone.',
    runbookEntry: 'recursion-stopped',
    metric: normalize.lambda.metric('RecursiveInvocationsDropped', { statistic: 'Sum', period: Duration.minutes(5) }),
    threshold: 1,
  });
}
