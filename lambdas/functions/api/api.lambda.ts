import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { answerProblems } from '../answer-problems.ts';
import { createApiHandler } from './handler.ts';
import { createApiRuntime } from './runtime.ts';

const runtime = createApiRuntime(process.env, new URL(import.meta.url));

/** Most calls count nothing: an empty publication would be a warning each. */
function publishMetrics(): void {
  if (runtime.metrics.hasStoredMetrics()) runtime.metrics.publishStoredMetrics();
}

export const handler = middy(createApiHandler(runtime))
  .use(injectLambdaContext(runtime.log))
  .use({ after: publishMetrics, onError: publishMetrics })
  .use(answerProblems(runtime.log));
