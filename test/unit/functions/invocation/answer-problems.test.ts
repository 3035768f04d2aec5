import { Logger } from '@aws-lambda-powertools/logger';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { expect, test } from 'vitest';
import { EngineError } from '../../../../lambdas/contracts/engine-error.ts';
import { answerProblems, ProblemError } from '../../../../lambdas/functions/invocation/answer-problems.ts';

const event = { requestContext: { requestId: 'request_1' } } as APIGatewayProxyEventV2;

test.each([
  ['a ProblemError with its own status', new ProblemError({ status: 409, detail: 'No.' }), 409, undefined],
  ['a retryable error with a 503', new EngineError('contended', 'secret detail', { retryable: true }), 503, '1'],
  [
    'an error that is not retryable with a 500',
    new EngineError('corrupt-state', 'secret detail', { retryable: false }),
    500,
    undefined,
  ],
  ['an unexpected error with a 500', new Error('secret detail'), 500, undefined],
])('answers %s, and reveals nothing secret', async (_, error, status, retryAfter) => {
  const fails = async (): Promise<APIGatewayProxyStructuredResultV2> => {
    throw error;
  };
  const handler = middy(fails).use(answerProblems(new Logger({ logLevel: 'SILENT' })));
  const answer = await handler(event, {} as Context);
  expect(answer.statusCode).toBe(status);
  expect(answer.headers?.['content-type']).toBe('application/problem+json');
  expect(answer.headers?.['retry-after']).toBe(retryAfter);
  expect(answer.body).not.toContain('secret detail');
});
