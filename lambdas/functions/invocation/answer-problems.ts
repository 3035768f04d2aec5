import type { Logger } from '@aws-lambda-powertools/logger';
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';
import type { Problem } from '../../contracts/problem-details.ts';
import { problemResponse, unexpectedProblem } from './problem-details.ts';

/** Thrown where a request cannot go on; its answer is the problem. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

/** Turn what a handler throws into problem details: meant ones as they are, all else as a bare 500. */
export function answerProblems(log: Logger): MiddlewareObj<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2> {
  return {
    onError: (request) => {
      if (request.error instanceof ProblemError) {
        request.response = problemResponse(request.error.problem);
        return;
      }
      log.error('request failed', request.error as Error);
      // Another call was at work on it, or a store did not answer: the same call may succeed in a moment.
      if (request.error instanceof EngineError && request.error.retryable) {
        request.response = problemResponse({
          status: 503,
          detail: 'The request could not be processed just now. Try again.',
          headers: { 'retry-after': '1' },
          extensions: { request_id: request.event.requestContext.requestId },
        });
        return;
      }
      request.response = unexpectedProblem(request.event.requestContext.requestId);
    },
  };
}
