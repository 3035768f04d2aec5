import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { type Problem, problemAnswer } from '../../contracts/problem-details.ts';

/** A function's answer that holds problem details. */
export function problemResponse(problem: Problem): APIGatewayProxyStructuredResultV2 {
  const { status, headers, body } = problemAnswer(problem);
  return { statusCode: status, headers: { ...headers }, body };
}

/** The answer to an unexpected fault. It reveals nothing of the fault. */
export function unexpectedProblem(requestId: string): APIGatewayProxyStructuredResultV2 {
  return problemResponse({
    status: 500,
    detail: 'The request could not be processed. Try again later.',
    extensions: { request_id: requestId },
  });
}
