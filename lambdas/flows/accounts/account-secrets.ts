import { capturedSecrets, checksOf, secretNames, urlTokenParameter } from '../../engine/definition/checks-within.ts';
import type { Definition } from '../../engine/definition/schema.ts';
import { urlTokenSecret, valuesOf } from '../../engine/request/secret-values.ts';
import type { SecretValues } from '../../engine/request/webhook-request.ts';
import { kindOf } from '../../engine/verification/check-kinds.ts';
import type { Capture } from '../../ports/accounts/account-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';

/** Secrets that a caller asks the engine to capture from a handshake. */
export interface CaptureRequest {
  readonly secrets: readonly string[];
  readonly expiresInSeconds: number;
}

/** Why secrets do not fit their integration. */
export type SecretsFault =
  | { readonly kind: 'undeclared-secrets'; readonly got: readonly string[]; readonly declared: readonly string[] }
  /** No handshake of the integration delivers these secrets. */
  | { readonly kind: 'not-captured'; readonly got: readonly string[]; readonly captured: readonly string[] }
  /** A key that does not match the definition's format, so it could verify nothing. */
  | { readonly kind: 'unusable-secret'; readonly name: string; readonly expected: string };

/** Bytes of a token in a URL, too many to guess. */
const urlTokenBytes = 24;

/** Checks secrets against the names that the integration declares, and a capture against those that it can capture. */
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

/** The format that one of the values violates; undefined if all values are usable. */
function unusable(definition: Definition, name: string, values: readonly string[]): string | undefined {
  for (const check of checksOf(definition))
    for (const value of values) {
      const expected = kindOf(check.name).expectedSecret?.(check.spec, name, value);
      if (expected !== undefined) return expected;
    }
  return undefined;
}

/** Adds a URL token to the secrets if the integration's URLs carry one and the secrets lack it. */
export function withUrlToken(definition: Definition, secrets: SecretValues, randomness: Randomness): SecretValues {
  if (urlTokenParameter(definition) === undefined || valuesOf(secrets, urlTokenSecret).length > 0) return secrets;
  return { ...secrets, [urlTokenSecret]: randomness.bytes(urlTokenBytes).toString('base64url') };
}

/** Names of the secrets that the caller supplied, without the URL token, which the engine generates. */
export function ownSecretNames(secrets: SecretValues): readonly string[] {
  return Object.keys(secrets).filter((name) => name !== urlTokenSecret);
}

/** Starts waiting for the requested secrets. */
export function arm(request: CaptureRequest | undefined, clock: Clock): { readonly capture?: Capture } {
  if (request === undefined || request.secrets.length === 0) return {};
  const expiresAtEpochSeconds = Math.floor(clock.nowMs() / 1000) + request.expiresInSeconds;
  return { capture: { secrets: request.secrets, expiresAtEpochSeconds } };
}

/** The URL for the provider; it carries the token if the integration's requests authenticate with it. */
export function webhookUrl(definition: Definition | undefined, url: string, secrets: SecretValues): string {
  const parameter = definition === undefined ? undefined : urlTokenParameter(definition);
  const [token] = valuesOf(secrets, urlTokenSecret);
  return parameter === undefined || token === undefined ? url : `${url}?${parameter}=${encodeURIComponent(token)}`;
}
