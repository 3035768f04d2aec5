import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { publishMetrics } from '../invocation/telemetry.ts';
import { createCanaryHandler } from './handler.ts';
import { createCanaryRuntime } from './runtime.ts';

const runtime = createCanaryRuntime(process.env);

export const handler = middy(createCanaryHandler(runtime))
  .use(injectLambdaContext(runtime.log))
  .use(publishMetrics(runtime.metrics));
