import type { RequiredCalls } from './required-calls.ts';

/**
 * Permissions that a request to STS needs: to assume the role that it names.
 *
 * @param parameters - Of a request in the query protocol.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
 */
export function stsCalls(parameters: URLSearchParams): RequiredCalls {
  const action = parameters.get('Action');
  const role = parameters.get('RoleArn');
  if (action === null) return { kind: 'malformed' };
  if (action !== 'AssumeRole') return { kind: 'unknown', operation: `sts:${action}` };
  if (role === null) return { kind: 'malformed' };
  const externalId = parameters.get('ExternalId');
  const context = externalId === null ? {} : { 'sts:externalid': externalId };
  return { kind: 'calls', calls: [{ action: 'sts:AssumeRole', resource: role, context }] };
}
