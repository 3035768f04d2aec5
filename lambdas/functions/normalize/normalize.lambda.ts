import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { publishMetrics } from '../telemetry.ts';
import { createNormalizeHandler } from './handler.ts';
import { createNormalizeRuntime } from './runtime.ts';

const runtime = createNormalizeRuntime(process.env, new URL(import.meta.url));

export const handler = middy(createNormalizeHandler(runtime))
  .use(injectLambdaContext(runtime.log))
  .use(publishMetrics(runtime.metrics));
