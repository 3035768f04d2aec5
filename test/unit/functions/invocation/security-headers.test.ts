import { Logger } from '@aws-lambda-powertools/logger';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { expect, test } from 'vitest';
import { answerProblems, ProblemError } from '../../../../lambdas/functions/invocation/answer-problems.ts';
import { securityHeaders } from '../../../../lambdas/functions/invocation/security-headers.ts';

const event = { requestContext: { requestId: 'request_1' } } as APIGatewayProxyEventV2;

test.each<[string, () => Promise<APIGatewayProxyStructuredResultV2>]>([
  ['an answer', async () => ({ statusCode: 200, headers: { etag: '"1"' }, body: '{}' })],
  ['an answer without headers', async () => ({ statusCode: 204 })],
  ['a 304', async () => ({ statusCode: 304, headers: { etag: '"1"' } })],
  ['a problem', async () => Promise.reject(new ProblemError({ status: 404, detail: 'No.' }))],
  ['an unexpected error', async () => Promise.reject(new Error('x'))],
])('%s has both security headers and its own headers', async (_, answer) => {
  const handler = middy(answer)
    .use(securityHeaders())
    .use(answerProblems(new Logger({ logLevel: 'SILENT' })));
  const { headers, ...rest } = await handler(event, {} as Context);
  expect(headers).toMatchObject({
    'strict-transport-security': 'max-age=31536000',
    'x-content-type-options': 'nosniff',
  });
  const own = await answer().catch(() => ({ headers: { 'content-type': 'application/problem+json' } }));
  expect(headers).toMatchObject(own.headers ?? {});
  expect(rest.statusCode).toBeGreaterThanOrEqual(200);
});
