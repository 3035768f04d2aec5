import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { answerProblems } from '../invocation/answer-problems.ts';
import { securityHeaders } from '../invocation/security-headers.ts';
import { publishMetrics } from '../invocation/telemetry.ts';
import { createIngressHandler } from './handler.ts';
import { createIngressRuntime } from './runtime.ts';

const runtime = createIngressRuntime(process.env, new URL(import.meta.url));

export const handler = middy(createIngressHandler(runtime))
  .use(securityHeaders())
  .use(injectLambdaContext(runtime.log))
  .use(publishMetrics(runtime.metrics))
  .use(answerProblems(runtime.log));
