import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { answerProblems } from '../invocation/answer-problems.ts';
import { securityHeaders } from '../invocation/security-headers.ts';
import { createConsoleHandler } from './handler.ts';
import { createConsoleRuntime } from './runtime.ts';

const runtime = createConsoleRuntime(process.env, new URL(import.meta.url));

export const handler = middy(createConsoleHandler(runtime))
  .use(securityHeaders())
  .use(injectLambdaContext(runtime.log))
  .use(answerProblems(runtime.log));
