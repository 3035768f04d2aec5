import { capturedSecrets, checksOf, secretNames, urlTokenParameter } from '../../engine/definition/checks-within.ts';
import type { Definition } from '../../engine/definition/schema.ts';
import { urlTokenSecret, valuesOf } from '../../engine/request/secret-values.ts';
import type { SecretValues } from '../../engine/request/webhook-request.ts';
import { kindOf } from '../../engine/verification/check-kinds.ts';
import type { Capture } from '../../ports/accounts/account-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';

/** What a caller asks to be waited for. */
export interface CaptureRequest {
  readonly secrets: readonly string[];
  readonly expiresInSeconds: number;
}

/** Why secrets do not fit their integration. */
export type SecretsFault =
  | { readonly kind: 'undeclared-secrets'; readonly got: readonly string[]; readonly declared: readonly string[] }
  /** No handshake of the integration brings these. */
  | { readonly kind: 'not-captured'; readonly got: readonly string[]; readonly captured: readonly string[] }
  /** A key that is not written as the definition says: nothing could be verified with it. */
  | { readonly kind: 'unusable-secret'; readonly name: string; readonly expected: string };

/** Bytes of a token in a URL: beyond guessing. */
const urlTokenBytes = 24;

/** Secrets go by the names that the integration declares; what is waited for, by those that it captures. */
export function findSecretsFault(
  definition: Definition,
  secrets: SecretValues,
  capture: CaptureRequest | undefined,
): SecretsFault | undefined {
  const declared = secretNames(definition);
  const got = Object.keys(secrets).filter((name) => !declared.includes(name));
  if (got.length > 0) return { kind: 'undeclared-secrets', got, declared };
  const captured = capturedSecrets(definition);
  const strange = (capture?.secrets ?? []).filter((name) => !captured.includes(name));
  if (strange.length > 0) return { kind: 'not-captured', got: strange, captured };
  for (const name of Object.keys(secrets)) {
    const expected = unusable(definition, name, valuesOf(secrets, name));
    if (expected !== undefined) return { kind: 'unusable-secret', name, expected };
  }
  return undefined;
}

/** What a key was expected to be, where one of its values is not; undefined where all can be used. */
function unusable(definition: Definition, name: string, values: readonly string[]): string | undefined {
  for (const check of checksOf(definition))
    for (const value of values) {
      const expected = kindOf(check.name).expectedSecret?.(check.spec, name, value);
      if (expected !== undefined) return expected;
    }
  return undefined;
}

/** The secrets with a URL token among them, where the integration's URLs carry one and there is none yet. */
export function withUrlToken(definition: Definition, secrets: SecretValues, randomness: Randomness): SecretValues {
  if (urlTokenParameter(definition) === undefined || valuesOf(secrets, urlTokenSecret).length > 0) return secrets;
  return { ...secrets, [urlTokenSecret]: randomness.bytes(urlTokenBytes).toString('base64url') };
}

/** The names of the secrets that were given: all but the one that the engine makes itself. */
export function ownSecretNames(secrets: SecretValues): readonly string[] {
  return Object.keys(secrets).filter((name) => name !== urlTokenSecret);
}

/** Begin to wait. */
export function arm(request: CaptureRequest | undefined, clock: Clock): { readonly capture?: Capture } {
  if (request === undefined || request.secrets.length === 0) return {};
  const expiresAtEpochSeconds = Math.floor(clock.nowMs() / 1000) + request.expiresInSeconds;
  return { capture: { secrets: request.secrets, expiresAtEpochSeconds } };
}

/** The URL that a provider is given; it carries the token where the integration's requests prove themselves by it. */
export function webhookUrl(definition: Definition | undefined, url: string, secrets: SecretValues): string {
  const parameter = definition === undefined ? undefined : urlTokenParameter(definition);
  const [token] = valuesOf(secrets, urlTokenSecret);
  return parameter === undefined || token === undefined ? url : `${url}?${parameter}=${encodeURIComponent(token)}`;
}
