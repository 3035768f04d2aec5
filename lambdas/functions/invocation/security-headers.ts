import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';

/**
 * What every answer tells a browser, should one ever see it: to come back by https only, and to take no body for
 * another type than the answer names.
 *
 * Without `includeSubDomains`: a custom domain is the deployer's, and so are the names below it.
 */
const headers = {
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
} as const;

/** Adds them to whatever is answered, problems included: the first middleware, so that it sees the answers of all others. */
export function securityHeaders(): MiddlewareObj<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2> {
  const add = (request: { response: APIGatewayProxyStructuredResultV2 | null | undefined }) => {
    if (request.response)
      request.response = { ...request.response, headers: { ...request.response.headers, ...headers } };
  };
  return { after: add, onError: add };
}
