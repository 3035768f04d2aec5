import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import { createDispatchHandler } from './handler.ts';
import { createDispatchRuntime } from './runtime.ts';

const runtime = createDispatchRuntime(process.env);

export const handler = middy(createDispatchHandler(runtime))
  .use(injectLambdaContext(runtime.log))
  .use(logMetrics(runtime.metrics));
