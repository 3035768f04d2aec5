import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { retrySoon } from '../invocation/retry-soon.ts';
import { exportSpans } from '../invocation/span-buffer.ts';
import { publishMetrics } from '../invocation/telemetry.ts';
import { createDrainHandler } from './handler.ts';
import { createDrainRuntime } from './runtime.ts';

const runtime = createDrainRuntime(process.env, new URL(import.meta.url));

export const handler = middy(retrySoon(runtime, createDrainHandler(runtime)))
  .use(exportSpans(runtime.spans))
  .use(injectLambdaContext(runtime.log))
  .use(publishMetrics(runtime.metrics));
