import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import { createNormalizeHandler } from './handler.ts';
import { createNormalizeRuntime } from './runtime.ts';

const runtime = createNormalizeRuntime(process.env, new URL(import.meta.url));

export const handler = middy(createNormalizeHandler(runtime))
  .use(injectLambdaContext(runtime.log))
  .use(logMetrics(runtime.metrics));
