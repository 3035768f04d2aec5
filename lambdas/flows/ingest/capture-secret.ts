import { EngineError } from '../../contracts/engine-error.ts';
import { valuesOf } from '../../engine/request/secret-values.ts';
import { equalsAny } from '../../engine/verification/equals-any.ts';
import type { AccountStore, AccountWriter, Capture } from '../../ports/accounts/account-store.ts';
import type {
  IntegrationSettingsDirectory,
  IntegrationSettingsStore,
} from '../../ports/accounts/integration-settings-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

/** Captured values that stay valid: a provider creates one secret for each webhook of an account. */
const maxKeptValues = 10;
const maxAttempts = 4;

interface Holder {
  readonly secrets: Readonly<Record<string, string | readonly string[]>>;
  readonly capture?: Capture;
}

/**
 * Store a secret that the provider chose, if the owner of the URL has armed its capture. A capture is armed for one
 * value: a later handshake cannot replace the secret. The same value again is accepted as a repetition.
 *
 * ```
 * owner   POST /v1/accounts {"capture": {"secrets": ["signing_secret"]}}   armed
 * owner   creates the webhook at the provider
 * provider ---- handshake with the secret ----> ingress                    stored, disarmed
 * ```
 */
export async function captureSecret(
  ports: {
    readonly accounts: AccountStore & AccountWriter;
    readonly settings: IntegrationSettingsStore & IntegrationSettingsDirectory;
    readonly clock: Clock;
  },
  target: { readonly integration: string; readonly account?: string },
  { secret, value }: { readonly secret: string; readonly value: string },
): Promise<'taken' | 'not-armed'> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const account = target.account === undefined ? undefined : await ports.accounts.get(target.account, 0);
    const settings = target.account === undefined ? await ports.settings.get(target.integration, 0) : undefined;
    const holder: Holder | undefined = account ?? settings;
    if (holder === undefined) return 'not-armed';
    const known = valuesOf(holder.secrets, secret);
    if (equalsAny(value, known)) return 'taken';
    const { capture } = holder;
    const isArmed =
      capture?.secrets.includes(secret) === true && ports.clock.nowMs() < capture.expiresAtEpochSeconds * 1000;
    if (!isArmed) return 'not-armed';
    const changed = {
      secrets: { ...holder.secrets, [secret]: [value, ...known].slice(0, maxKeptValues) },
      capture: { ...capture, secrets: capture.secrets.filter((name) => name !== secret) },
    };
    const isWritten =
      account !== undefined
        ? await ports.accounts.replace({ ...account, ...changed })
        : settings !== undefined && (await ports.settings.replace({ ...settings, ...changed }));
    if (isWritten) return 'taken';
  }
  throw new EngineError('contended', 'the account is being changed', { retryable: true });
}
