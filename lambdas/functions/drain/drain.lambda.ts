import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import { createDrainHandler } from './handler.ts';
import { createDrainRuntime } from './runtime.ts';

const runtime = createDrainRuntime(process.env);

export const handler = middy(createDrainHandler(runtime))
  .use(injectLambdaContext(runtime.log))
  .use(logMetrics(runtime.metrics));
