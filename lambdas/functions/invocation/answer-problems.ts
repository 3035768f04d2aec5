import type { Logger } from '@aws-lambda-powertools/logger';
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';
import type { Problem } from '../../contracts/problem-details.ts';
import { problemResponse, unexpectedProblem } from './problem-details.ts';

/** Stops a request; the answer is its problem. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

/** Turn what a handler throws into problem details: a ProblemError as it is, all else as a 500 that reveals nothing. */
export function answerProblems(log: Logger): MiddlewareObj<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2> {
  return {
    onError: (request) => {
      if (request.error instanceof ProblemError) {
        request.response = problemResponse(request.error.problem);
        return;
      }
      log.error('request failed', request.error as Error);
      // A concurrent call interfered, or a store did not answer: the same call may succeed in a moment.
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
