import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { type Problem, problemAnswer } from '../../contracts/problem-details.ts';

/** Answer of a function with problem details. */
export function problemResponse(problem: Problem): APIGatewayProxyStructuredResultV2 {
  const { status, headers, body } = problemAnswer(problem);
  return { statusCode: status, headers: { ...headers }, body };
}

/** The answer to an unexpected fault: nothing of it is shown. */
export function unexpectedProblem(requestId: string): APIGatewayProxyStructuredResultV2 {
  return problemResponse({
    status: 500,
    detail: 'The request could not be processed. Try again later.',
    extensions: { request_id: requestId },
  });
}
