import { type Caller, mayCall, readsContext } from './may-call.ts';
import type { KeyOf, PartitionKeyOf, RequiredCalls } from './required-calls.ts';

/** The permissions of all callers, as the engine sends them to an emulator. */
export interface AccessRules {
  /** Access key of the runner itself, which is not restricted. */
  readonly ownAccessKeyId: string;
  readonly callers: readonly Caller[];
  /** ARN of the encrypting key by ARN of the table, bucket or queue. */
  readonly keyByResource: Readonly<Record<string, string>>;
  /** Name of the partition key by ARN of the table: for statements with the condition `dynamodb:LeadingKeys`. */
  readonly partitionKeys?: Readonly<Record<string, string>>;
}

/** Why a request is rejected; the answer has the error format of the service. */
export interface Refusal {
  readonly kind: 'access-denied' | 'unknown-credentials';
  readonly message: string;
}

/** The part of a request that identifies its caller. */
export interface SignedRequest {
  readonly authorization: string | undefined;
  /** Path and query; the query carries the credentials of a presigned URL. */
  readonly url: string;
}

export interface AccessGuard {
  /** Apply access rules; until then, every request passes. */
  enforce(rules: AccessRules): void;
  /** Whether a request needs a check: false for requests of the runner itself. */
  restricts(request: SignedRequest): boolean;
  /** @returns undefined when the request may pass. */
  refuse(
    request: SignedRequest,
    required: (keyOf: KeyOf, partitionKeyOf: PartitionKeyOf) => RequiredCalls,
  ): Refusal | undefined;
}

/** Bounds the cache, because S3 objects always have new names. */
const maxRemembered = 10_000;

export function createAccessGuard(): AccessGuard {
  let rules: AccessRules | undefined;
  let callers: ReadonlyMap<string, Caller> = new Map();
  /** Cache of allowed calls, most of which repeat. */
  const allowed = new Set<string>();
  const keyOf: KeyOf = (resourceArn) => rules?.keyByResource[resourceArn];
  const partitionKeyOf: PartitionKeyOf = (tableArn) => rules?.partitionKeys?.[tableArn];
  return {
    enforce(next) {
      rules = next;
      allowed.clear();
      callers = new Map(next.callers.map((caller) => [caller.accessKeyId, caller]));
    },
    restricts: (request) => rules !== undefined && accessKeyIdOf(request) !== rules.ownAccessKeyId,
    refuse(request, required) {
      const caller = callers.get(accessKeyIdOf(request) ?? '');
      if (caller === undefined) {
        return { kind: 'unknown-credentials', message: 'The security token included in the request is invalid.' };
      }
      const needed = required(keyOf, partitionKeyOf);
      if (needed.kind === 'malformed') return undefined;
      if (needed.kind === 'unknown')
        return { kind: 'access-denied', message: unknownOperation(caller, needed.operation) };
      for (const call of needed.calls) {
        const name = `${caller.accessKeyId} ${call.action} ${call.resource}`;
        if (allowed.has(name)) continue;
        const verdict = mayCall(caller, call);
        if (verdict.kind === 'denied') return { kind: 'access-denied', message: verdict.message };
        // What depends on more than the action and the resource is decided for each request.
        if (readsContext(caller, call)) continue;
        if (allowed.size >= maxRemembered) allowed.clear();
        allowed.add(name);
      }
      return undefined;
    },
  };
}

function unknownOperation({ arn }: Caller, operation: string): string {
  return (
    `User: ${arn} called ${operation}, and the local runner does not know which permissions it needs; ` +
    'describe it in lib/local/iam'
  );
}

/** The caller's access key. Signatures are not checked: the runner trusts the processes of this machine. */
function accessKeyIdOf({ authorization, url }: SignedRequest): string | undefined {
  if (authorization !== undefined) return /^AWS4-HMAC-SHA256 +Credential=([^/]+)\//.exec(authorization)?.[1];
  const presigned = /[?&]X-Amz-Credential=([^&]+)/i.exec(url)?.[1];
  return presigned === undefined ? undefined : /^(.+?)(\/|%2F)/i.exec(presigned)?.[1];
}
