import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import type { CredentialValues } from '../../../../lambdas/engine/provider/credentials/credential-values.ts';
import type { CredentialKind } from '../../../../lambdas/engine/provider/language/credentials-schema.ts';
import type { OfflineProvider } from '../../../local/simulators/provider/provider-simulator.ts';

/** Credentials that a simulated provider accepts, of the first kind that the definition declares. */
export function simulatedValues(
  { api }: Pick<Definition, 'api'>,
  provider: Pick<OfflineProvider, 'credentials' | 'grant'>,
): CredentialValues {
  const kinds = Object.entries(api?.credentials ?? {}).flatMap(([kind, said]) =>
    said === undefined ? [] : [kind as CredentialKind],
  );
  const [kind = 'api_key'] = kinds;
  if (kind !== 'oauth2') return { kind, members: provider.credentials[kind] ?? {} };
  const { access, refresh, expiresAtMs } = provider.grant();
  return { kind, members: {}, token: { access, refresh, expiresAtMs } };
}
