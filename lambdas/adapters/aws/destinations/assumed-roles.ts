import { type AwsDestination, type AwsPlace, endpointOf } from '../../../contracts/aws-destination.ts';
import { limits } from '../../../contracts/limits.ts';
import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { ConfinedAnswer } from '../../http/confined-post.ts';
import type { DestinationType } from './destination-type.ts';
import type { AwsCredentials, SignedPost } from './signed-post.ts';

export type AssumedRole =
  | { readonly kind: 'assumed'; readonly credentials: AwsCredentials }
  | Extract<CallbackOutcome, { kind: 'failed' }>;

/** A role in a subscriber's account, and what the engine needs it for. */
export interface RoleUse {
  readonly subscription: string;
  readonly destination: AwsDestination;
  readonly place: AwsPlace;
  readonly type: Pick<DestinationType<AwsDestination>, 'service' | 'actions' | 'usesCallersKey'>;
}

/** Credentials of assumed roles. Never throws because of a role. */
export interface AssumedRoles {
  credentialsFor(use: RoleUse): Promise<AssumedRole>;
  /** Drop credentials that AWS refused. */
  forget(use: RoleUse, credentials: AwsCredentials): void;
}

export interface AssumedRolesOptions {
  /** Of the function itself. */
  readonly credentials: () => Promise<AwsCredentials>;
  /** The region of the deployment, whose STS is asked. */
  readonly region: string;
  /** Of STS. @default that of AWS */
  readonly endpoint?: string | undefined;
}

/** The longest that a role may have which another role assumes. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining */
const durationSeconds = 3_600;
/** Credentials are not used in their last minutes, so that they are still valid when AWS reads them. */
const marginMs = 300_000;
/** How long a refusal is remembered: a subscription with many events does not ask STS for each. */
const refusalMs = 5_000;
const maxRemembered = 1_000;

interface Remembered {
  readonly role: AssumedRole;
  readonly untilMs: number;
}

/**
 * Assumes roles with the external ids of their subscriptions, and remembers the credentials in memory only. A session
 * policy reduces each role to the actions of its type on the one destination, whatever else the role may do.
 */
export function createAssumedRoles(
  post: SignedPost,
  clock: Clock,
  { credentials, region, endpoint = endpointOf('sts', region) }: AssumedRolesOptions,
): AssumedRoles {
  const remembered = new Map<string, Remembered>();
  const running = new Map<string, Promise<AssumedRole>>();

  async function assume(key: string, use: RoleUse): Promise<AssumedRole> {
    const answer = await post({
      service: 'sts',
      region,
      endpoint,
      credentials: await credentials(),
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body: requestFor(use).toString(),
      timeoutMs: limits.tokenTimeoutMs,
    });
    const role = readAnswer(answer, use);
    const untilMs = role.kind === 'failed' ? clock.nowMs() + refusalMs : role.untilMs - marginMs;
    const kept: AssumedRole = role.kind === 'failed' ? role : { kind: 'assumed', credentials: role.credentials };
    remembered.delete(key);
    remembered.set(key, { role: kept, untilMs });
    const [oldest] = remembered.keys();
    if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest);
    return kept;
  }

  return {
    async credentialsFor(use) {
      const key = keyOf(use);
      const known = remembered.get(key);
      if (known !== undefined && clock.nowMs() < known.untilMs) return known.role;
      // Concurrent attempts of a subscription share one request.
      const assuming = running.get(key) ?? assume(key, use).finally(() => running.delete(key));
      running.set(key, assuming);
      return assuming;
    },
    forget(use, refused) {
      const known = remembered.get(keyOf(use));
      if (known?.role.kind === 'assumed' && known.role.credentials === refused) remembered.delete(keyOf(use));
    },
  };
}

function keyOf({ subscription, destination, place }: RoleUse): string {
  return [subscription, destination.role_arn, destination.external_id, place.arn].join(' ');
}

/** @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
function requestFor(use: RoleUse): URLSearchParams {
  return new URLSearchParams({
    Action: 'AssumeRole',
    Version: '2011-06-15',
    RoleArn: use.destination.role_arn,
    // In the subscriber's CloudTrail, the name of the session says which subscription has sent.
    RoleSessionName: `tributary-${use.subscription}`.slice(0, 64),
    ExternalId: use.destination.external_id,
    DurationSeconds: String(durationSeconds),
    Policy: JSON.stringify(sessionPolicy(use)),
  });
}

function sessionPolicy({ place, type: { service, actions, usesCallersKey } }: RoleUse) {
  const host = new URL(endpointOf(service, place.region)).host;
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: actions, Resource: place.arn },
      ...(usesCallersKey
        ? [
            {
              Effect: 'Allow',
              Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
              Resource: '*',
              Condition: { StringEquals: { 'kms:ViaService': host } },
            },
          ]
        : []),
    ],
  };
}

type Assumption =
  | { readonly kind: 'assumed'; readonly credentials: AwsCredentials; readonly untilMs: number }
  | Extract<CallbackOutcome, { kind: 'failed' }>;

function readAnswer(answer: ConfinedAnswer, { destination }: RoleUse): Assumption {
  const failed = (reason: string): Assumption => ({
    kind: 'failed',
    error: `the role ${destination.role_arn} was not assumed: ${reason}`,
    durationMs: answer.durationMs,
  });
  if (answer.kind === 'failed') return failed(answer.error);
  const text = answer.body.toString('utf8');
  // The texts of these elements hold nothing that XML escapes.
  const element = (name: string) => new RegExp(`<${name}>([^<&]+)</${name}>`).exec(text)?.[1];
  if (answer.status !== 200) {
    // Not the message: it names the function's own role.
    const code = element('Code') ?? `status ${answer.status}`;
    return failed(
      code === 'AccessDenied'
        ? 'STS answered AccessDenied; the trust policy of the role must name the principal and the external id of the subscription'
        : `STS answered ${code}`,
    );
  }
  const [accessKeyId, secretAccessKey, sessionToken, expiration] = [
    'AccessKeyId',
    'SecretAccessKey',
    'SessionToken',
    'Expiration',
  ].map(element);
  const untilMs = Date.parse(expiration ?? '');
  if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined || Number.isNaN(untilMs))
    return failed('STS answered without credentials');
  return { kind: 'assumed', credentials: { accessKeyId, secretAccessKey, sessionToken }, untilMs };
}
