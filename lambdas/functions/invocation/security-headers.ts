import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';

/**
 * For browsers: use https only, and do not guess the type of a body.
 *
 * Without `includeSubDomains`: a custom domain and its subdomains belong to the deployer.
 */
const headers = {
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
} as const;

/** Add the headers to every answer, problems included. Must be the first middleware, so it sees all others' answers. */
export function securityHeaders(): MiddlewareObj<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2> {
  const add = (request: { response: APIGatewayProxyStructuredResultV2 | null | undefined }) => {
    if (request.response)
      request.response = { ...request.response, headers: { ...request.response.headers, ...headers } };
  };
  return { after: add, onError: add };
}
