import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { publishMetrics } from '../telemetry.ts';
import { createGovernHandler } from './handler.ts';
import { createGovernRuntime } from './runtime.ts';

const runtime = createGovernRuntime(process.env);

export const handler = middy(createGovernHandler(runtime))
  .use(injectLambdaContext(runtime.log))
  .use(publishMetrics(runtime.metrics));
