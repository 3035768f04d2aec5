import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { retrySoon } from '../invocation/retry-soon.ts';
import { exportSpans } from '../invocation/span-buffer.ts';
import { publishMetrics } from '../invocation/telemetry.ts';
import { createNormalizeHandler } from './handler.ts';
import { createNormalizeRuntime } from './runtime.ts';

const runtime = createNormalizeRuntime(process.env, new URL(import.meta.url));

export const handler = middy(retrySoon(runtime, createNormalizeHandler(runtime)))
  .use(exportSpans(runtime.spans))
  .use(injectLambdaContext(runtime.log))
  .use(publishMetrics(runtime.metrics));
