import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { Problem } from '../../../contracts/problem-details.ts';
import { type Identification, type IdentifyPorts, identifyClient } from '../../../flows/access/identify-caller.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import { bodyText } from './api-call.ts';

/** Identify who asks for a token. Reads the unauthenticated body only when no header carries credentials. */
export async function identifyTokenClient(
  ports: IdentifyPorts,
  event: APIGatewayProxyEventV2,
): Promise<Identification> {
  const authorization = event.headers['authorization'];
  const { client_id: id, client_secret: secret } = authorization === undefined ? readMembers(bodyText(event)) : {};
  return identifyClient(ports, {
    authorization,
    id: typeof id === 'string' ? id : undefined,
    secret: typeof secret === 'string' ? secret : undefined,
  });
}

/** The 401 with the `error` that OAuth clients look for. */
export function unknownClient(): ProblemError {
  return new ProblemError({
    status: 401,
    detail: 'The client is unknown, or its secret is not valid.',
    extensions: { error: 'invalid_client' },
    headers: { 'www-authenticate': 'Basic realm="tributary"' },
  });
}

/**
 * A token request's problem, with the `error` that OAuth clients look for.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-5.2
 */
export function oauthProblem(problem: Problem): ProblemError {
  const { errors = [] } = (problem.extensions ?? {}) as { readonly errors?: readonly { readonly path: string }[] };
  const of = (member: string) => errors.some(({ path }) => path === member);
  const error = of('grant_type') ? 'unsupported_grant_type' : of('scope') ? 'invalid_scope' : 'invalid_request';
  const status = problem.status === 413 ? 413 : 400;
  return new ProblemError({ ...problem, status, extensions: { error, ...problem.extensions } });
}

/** Read the body's members unchecked. The schema checks them once the caller is known. */
function readMembers(text: string): Readonly<Record<string, unknown>> {
  if (!/^\s*\{/.test(text)) return Object.fromEntries(new URLSearchParams(text));
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
