import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { retrySoon } from '../invocation/retry-soon.ts';
import { publishMetrics } from '../invocation/telemetry.ts';
import { createGovernHandler } from './handler.ts';
import { createGovernRuntime } from './runtime.ts';

const runtime = createGovernRuntime(process.env);

export const handler = middy(retrySoon(runtime, createGovernHandler(runtime)))
  .use(injectLambdaContext(runtime.log))
  .use(publishMetrics(runtime.metrics));
