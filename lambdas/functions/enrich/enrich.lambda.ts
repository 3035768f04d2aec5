import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { retrySoon } from '../invocation/retry-soon.ts';
import { exportSpans } from '../invocation/span-buffer.ts';
import { publishMetrics } from '../invocation/telemetry.ts';
import { createEnrichHandler } from './handler.ts';
import { createEnrichRuntime } from './runtime.ts';

const runtime = await createEnrichRuntime(process.env, new URL(import.meta.url));

export const handler = middy(retrySoon(runtime, createEnrichHandler(runtime)))
  .use(exportSpans(runtime.spans))
  .use(injectLambdaContext(runtime.log))
  .use(publishMetrics(runtime.metrics));
