import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { Problem } from '../../contracts/problem-details.ts';
import { type IdentifyPorts, identifyClient } from '../../flows/identify-caller.ts';
import { ProblemError } from '../answer-problems.ts';
import { bodyText } from './api-call.ts';
import type { Principal } from './principal.ts';

/**
 * Find out who asks for a token.
 *
 * @throws {ProblemError} 401, with the `error` that OAuth clients look for.
 */
export async function authenticateClient(ports: IdentifyPorts, event: APIGatewayProxyEventV2): Promise<Principal> {
  const { client_id: id, client_secret: secret } = readMembers(bodyText(event));
  const identification = await identifyClient(ports, {
    authorization: event.headers['authorization'],
    id: typeof id === 'string' ? id : undefined,
    secret: typeof secret === 'string' ? secret : undefined,
  });
  if (identification.kind === 'known') return identification.principal;
  throw new ProblemError({
    status: 401,
    detail: 'The client is not known, or its secret is not valid.',
    extensions: { error: 'invalid_client' },
    headers: { 'www-authenticate': 'Basic realm="tributary"' },
  });
}

/**
 * The refusal of a request for a token, with the `error` that OAuth clients look for.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-5.2
 */
export function oauthProblem(problem: Problem): ProblemError {
  const { errors = [] } = (problem.extensions ?? {}) as { readonly errors?: readonly { readonly path: string }[] };
  const of = (member: string) => errors.some(({ path }) => path === member);
  const error = of('grant_type') ? 'unsupported_grant_type' : of('scope') ? 'invalid_scope' : 'invalid_request';
  return new ProblemError({ ...problem, status: 400, extensions: { error, ...problem.extensions } });
}

/** Whether it is of the right form is looked at once it is known who sends it. */
function readMembers(text: string): Readonly<Record<string, unknown>> {
  if (!/^\s*\{/.test(text)) return Object.fromEntries(new URLSearchParams(text));
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
