import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { publishMetrics } from '../invocation/telemetry.ts';
import { createDispatchHandler } from './handler.ts';
import { createDispatchRuntime } from './runtime.ts';

const runtime = createDispatchRuntime(process.env);

export const handler = middy(createDispatchHandler(runtime))
  .use(injectLambdaContext(runtime.log))
  .use(publishMetrics(runtime.metrics));
