import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { answerProblems } from '../invocation/answer-problems.ts';
import { securityHeaders } from '../invocation/security-headers.ts';
import { publishMetrics } from '../invocation/telemetry.ts';
import { createApiHandler } from './handler.ts';
import { createApiRuntime } from './runtime.ts';

const runtime = createApiRuntime(process.env, new URL(import.meta.url));

export const handler = middy(createApiHandler(runtime))
  .use(securityHeaders())
  .use(injectLambdaContext(runtime.log))
  .use(publishMetrics(runtime.metrics))
  .use(answerProblems(runtime.log));
