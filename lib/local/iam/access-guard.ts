import { type Caller, mayCall } from './may-call.ts';
import type { KeyOf, RequiredCalls } from './required-calls.ts';

/** Who may do what, as it is sent to an emulator. */
export interface AccessRules {
  /** The runner itself, which sets up and looks: not restricted. */
  readonly ownAccessKeyId: string;
  readonly callers: readonly Caller[];
  /** ARN of the encrypting key by ARN of the table, bucket or queue. */
  readonly keyByResource: Readonly<Record<string, string>>;
}

/** Why a request is not answered; what goes back to the caller has the form of its service. */
export interface Refusal {
  readonly kind: 'access-denied' | 'unknown-credentials';
  readonly message: string;
}

/** The part of a request that says who sends it. */
export interface SignedRequest {
  readonly authorization: string | undefined;
  /** Path and query; the query carries the credentials of a presigned URL. */
  readonly url: string;
}

export interface AccessGuard {
  /** Apply rules from now on; before, everything passes. */
  enforce(rules: AccessRules): void;
  /** False for requests of the runner itself, which need no look. */
  restricts(request: SignedRequest): boolean;
  /** @returns undefined when the request may pass. */
  refuse(request: SignedRequest, required: (keyOf: KeyOf) => RequiredCalls): Refusal | undefined;
}

/** Objects of S3 have ever new names. */
const maxRemembered = 10_000;

export function createAccessGuard(): AccessGuard {
  let rules: AccessRules | undefined;
  let callers: ReadonlyMap<string, Caller> = new Map();
  /** Calls that were allowed: most are made again and again. */
  const allowed = new Set<string>();
  const keyOf: KeyOf = (resourceArn) => rules?.keyByResource[resourceArn];
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
      const needed = required(keyOf);
      if (needed.kind === 'malformed') return undefined;
      if (needed.kind === 'unknown')
        return { kind: 'access-denied', message: unknownOperation(caller, needed.operation) };
      for (const call of needed.calls) {
        const name = `${caller.accessKeyId} ${call.action} ${call.resource}`;
        if (allowed.has(name)) continue;
        const verdict = mayCall(caller, call);
        if (verdict.kind === 'denied') return { kind: 'access-denied', message: verdict.message };
        if (allowed.size >= maxRemembered) allowed.clear();
        allowed.add(name);
      }
      return undefined;
    },
  };
}

function unknownOperation({ arn }: Caller, operation: string): string {
  return (
    `User: ${arn} called ${operation}, and the local runner does not know what that needs to be allowed; ` +
    'describe it in lib/local/iam'
  );
}

/** Signatures are not checked: each process of this machine may be who it says. */
function accessKeyIdOf({ authorization, url }: SignedRequest): string | undefined {
  if (authorization !== undefined) return /^AWS4-HMAC-SHA256 +Credential=([^/]+)\//.exec(authorization)?.[1];
  const presigned = /[?&]X-Amz-Credential=([^&]+)/i.exec(url)?.[1];
  return presigned === undefined ? undefined : /^(.+?)(\/|%2F)/i.exec(presigned)?.[1];
}
