import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AccessRules, createAccessGuard } from '../iam/access-guard.ts';
import { readConditions } from '../iam/conditions.ts';
import type { Caller, Statement } from '../iam/may-call.ts';
import { stsCalls } from '../iam/sts-calls.ts';
import { parseJson } from './json-server.ts';

/** A role in the account of a subscriber. */
export interface ForeignRole {
  /** `arn:aws:iam::222222222222:role/tributary-events` */
  readonly arn: string;
  /** The external id that its trust policy requires. */
  readonly externalId: string;
  /** What its permissions allow. */
  readonly statements: readonly Statement[];
}

/** The part of STS that functions call: they assume roles of subscribers. */
export interface RoleService {
  readonly endpoint: string;
  /** Create a role, or replace the one of the same ARN. */
  createRole(role: ForeignRole): void;
  /** Apply access rules; until then, nobody may assume a role. */
  enforce(rules: AccessRules): void;
  /** The access key that assumed the role of a session; undefined for an access key of no session. */
  assumedBy(accessKeyId: string): string | undefined;
  stop(): Promise<void>;
}

/** @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const durations = { least: 900, most: 3_600 };

interface Answer {
  readonly status: number;
  readonly xml: string;
}

/**
 * Start a role service on a free port of 127.0.0.1, in this process, because its load is low.
 *
 * @param nowMs - The engine's clock.
 * @param admit - Makes the emulators know a new session; awaited before its credentials are answered.
 */
export async function startRoleService(
  nowMs: () => number,
  admit: (session: Caller) => Promise<void>,
): Promise<RoleService> {
  const guard = createAccessGuard();
  const roles = new Map<string, ForeignRole>();
  const assumers = new Map<string, string>();
  const assume = async (request: IncomingMessage): Promise<Answer> => {
    const parameters = new URLSearchParams(await readText(request));
    const signed = { authorization: request.headers.authorization, url: request.url ?? '/' };
    const refusal = guard.refuse(signed, () => stsCalls(parameters));
    if (refusal !== undefined)
      return refused(403, refusal.kind === 'access-denied' ? 'AccessDenied' : 'InvalidClientTokenId', refusal.message);
    const role = roles.get(parameters.get('RoleArn') ?? '');
    const duration = Number(parameters.get('DurationSeconds') ?? durations.most);
    if (!(duration >= durations.least && duration <= durations.most))
      return refused(400, 'ValidationError', 'The requested DurationSeconds is out of range.');
    // AWS does not tell a role that does not exist from one that trusts another caller.
    if (role === undefined || role.externalId !== parameters.get('ExternalId'))
      return refused(403, 'AccessDenied', 'The caller is not authorized to perform: sts:AssumeRole on the role');
    const session = sessionOf(role, parameters);
    assumers.set(session.accessKeyId, accessKeyIn(signed.authorization));
    await admit(session);
    return assumed(session, nowMs() + duration * 1_000);
  };
  const server = createServer((request, response) => {
    assume(request).then(
      (answer) => send(response, answer),
      () => response.destroy(),
    );
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    createRole: (role) => void roles.set(role.arn, role),
    enforce: (rules) => guard.enforce(rules),
    assumedBy: (accessKeyId) => assumers.get(accessKeyId),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function sessionOf({ arn, statements }: ForeignRole, parameters: URLSearchParams): Caller {
  const [, , , , account, role = ''] = arn.split(':');
  const policy = parameters.get('Policy');
  return {
    accessKeyId: `ASIA${randomUUID().replaceAll('-', '').slice(0, 16).toUpperCase()}`,
    arn: `arn:aws:sts::${account}:assumed-${role}/${parameters.get('RoleSessionName')}`,
    statements,
    ...(policy === null ? {} : { sessionPolicy: readSessionPolicy(policy) }),
  };
}

/** A statement that cannot be evaluated allows nothing. */
function readSessionPolicy(text: string): readonly Statement[] {
  const { Statement: list = [] } = (parseJson(text) ?? {}) as {
    readonly Statement?: readonly Readonly<Record<string, unknown>>[];
  };
  return list.flatMap(({ Effect, Action, Resource, Condition }) => {
    const conditions = readConditions(Condition);
    if (conditions === undefined || Effect !== 'Allow') return [];
    return {
      effect: Effect,
      actions: [Action].flat() as string[],
      resources: [Resource].flat() as string[],
      conditions,
    };
  });
}

function accessKeyIn(authorization = ''): string {
  return /Credential=([^/]+)\//.exec(authorization)?.[1] ?? '';
}

function assumed({ accessKeyId }: Caller, untilMs: number): Answer {
  const credentials = [
    `<AccessKeyId>${accessKeyId}</AccessKeyId>`,
    `<SecretAccessKey>${randomUUID()}</SecretAccessKey>`,
    `<SessionToken>${randomUUID()}</SessionToken>`,
    `<Expiration>${new Date(untilMs).toISOString()}</Expiration>`,
  ].join('');
  return {
    status: 200,
    xml: `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>${credentials}</Credentials></AssumeRoleResult></AssumeRoleResponse>`,
  };
}

function refused(status: number, code: string, message: string): Answer {
  return {
    status,
    xml: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message.replace(/[&<>]/g, ' ')}</Message></Error></ErrorResponse>`,
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, { status, xml }: Answer): void {
  response.writeHead(status, { 'content-type': 'text/xml', 'x-amzn-requestid': randomUUID() });
  response.end(xml);
}
