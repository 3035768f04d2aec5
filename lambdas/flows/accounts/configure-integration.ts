import { EngineError } from '../../contracts/engine-error.ts';
import { capturedSecrets } from '../../engine/definition/checks-within.ts';
import { urlTokenSecret } from '../../engine/request/secret-values.ts';
import type { SecretValues } from '../../engine/request/webhook-request.ts';
import type { IntegrationCatalog } from '../../ports/accounts/integration-catalog.ts';
import type {
  IntegrationSettings,
  IntegrationSettingsDirectory,
  IntegrationSettingsStore,
} from '../../ports/accounts/integration-settings-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import { arm, type CaptureRequest, findSecretsFault, type SecretsFault, withUrlToken } from './account-secrets.ts';

export interface SettingsRequest {
  readonly integration: string;
  /**
   * Replace the stored ones.
   *
   * @default - the stored ones stay beside another setting, whose caller could not send them again; else none
   */
  readonly secrets?: SecretValues | undefined;
  readonly capture?: CaptureRequest | undefined;
  /**
   * Whether several tenants may have one value of the routing context.
   *
   * @default - as it is stored where the secrets stay, else false
   */
  readonly sharedContexts?: boolean | undefined;
  /**
   * Address ranges (CIDR) from which requests may come; empty for all.
   *
   * @default - the stored ones stay: a caller that rotates a secret does not open the URL
   */
  readonly allowedRanges?: readonly string[] | undefined;
  /**
   * Whether the call has set something else, such as the trial of a candidate.
   *
   * @default false
   */
  readonly isBeside?: boolean;
}

export type Configuration =
  | { readonly kind: 'configured'; readonly settings: IntegrationSettings }
  | { readonly kind: 'unknown-integration' }
  /** The definition has no routing: each request arrives at the URL of an account. */
  | { readonly kind: 'not-shared' }
  /** The secrets of the accounts verify the requests, so the integration has none to set. */
  | { readonly kind: 'secrets-of-accounts' }
  | SecretsFault;

const maxAttempts = 4;

/**
 * Set the secrets of the one URL that serves all accounts of an integration. They replace the earlier secrets, except
 * those that the caller cannot know: secrets captured in a handshake, and the URL token.
 */
export async function configureIntegration(
  ports: {
    readonly integrations: IntegrationCatalog;
    readonly settings: IntegrationSettingsStore & IntegrationSettingsDirectory;
    readonly clock: Clock;
    readonly randomness: Randomness;
  },
  { integration, secrets, capture, sharedContexts, allowedRanges, isBeside = false }: SettingsRequest,
): Promise<Configuration> {
  const definition = await ports.integrations.get(integration);
  if (definition === undefined) return { kind: 'unknown-integration' };
  if (definition.routing === undefined) return { kind: 'not-shared' };
  if (definition.routing.secrets === 'account') return { kind: 'secrets-of-accounts' };
  const fault = findSecretsFault(definition, secrets ?? {}, capture);
  if (fault !== undefined) return fault;
  const kept = [...capturedSecrets(definition), urlTokenSecret];
  const hasOthers = isBeside || allowedRanges !== undefined || sharedContexts !== undefined;
  const keepsRest = hasOthers && secrets === undefined;
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const before = await ports.settings.get(integration, 0);
    const ranges = allowedRanges ?? before?.allowedRanges ?? [];
    const former = Object.entries(before?.secrets ?? {}).filter(([name]) => keepsRest || kept.includes(name));
    const shares = sharedContexts ?? (keepsRest && before?.sharedContexts === true);
    const settings: IntegrationSettings = {
      integration,
      secrets: withUrlToken(definition, { ...Object.fromEntries(former), ...secrets }, ports.randomness),
      ...(capture === undefined && before?.capture !== undefined ? { capture: before.capture } : {}),
      ...arm(capture, ports.clock),
      ...(before?.canary === undefined ? {} : { canary: before.canary }),
      ...(ranges.length === 0 ? {} : { allowedRanges: ranges }),
      ...(shares ? { sharedContexts: true as const } : {}),
      revision: before?.revision ?? 0,
    };
    if (await ports.settings.replace(settings)) return { kind: 'configured', settings };
  }
  throw new EngineError('contended', 'the settings are being changed', { retryable: true });
}
