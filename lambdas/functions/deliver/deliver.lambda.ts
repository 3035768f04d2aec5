import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import { createDeliverHandler } from './handler.ts';
import { createDeliverRuntime } from './runtime.ts';

const runtime = createDeliverRuntime(process.env);

export const handler = middy(createDeliverHandler(runtime))
  .use(injectLambdaContext(runtime.log))
  .use(logMetrics(runtime.metrics));
