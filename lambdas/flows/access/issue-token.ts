import { maxTokenSeconds, signToken } from '../../engine/access/access-token.ts';
import { holdsScope, type Scope } from '../../engine/access/scopes.ts';
import type { Principal } from './identify-caller.ts';
import type { KeyRefusal, ManageKeyPorts } from './manage-api-key.ts';

const tokenIdBytes = 8;

export interface TokenRequest {
  /** Undefined for all scopes of the key. */
  readonly scopes: readonly Scope[] | undefined;
  readonly expiresInSeconds: number;
  /** Of a portal session: id of the key that made it. */
  readonly maker?: string | undefined;
}

export interface IssuedToken {
  readonly text: string;
  readonly expiresInSeconds: number;
  readonly scopes: readonly Scope[];
}

/**
 * Issue a token for a key. The token has at most the key's scopes, and ends no later than the key.
 *
 * @returns `beyond` for scopes that the key lacks; `needs-key` when a token asks for a token.
 */
export async function issueToken(
  ports: Pick<ManageKeyPorts, 'clock' | 'randomness'> & { readonly publicUrl: string },
  { keyId, scopes: held, tokenId, secret, endsAtMs }: Principal,
  { scopes = held, expiresInSeconds, maker }: TokenRequest,
): Promise<{ readonly kind: 'issued'; readonly token: IssuedToken } | KeyRefusal> {
  if (tokenId !== null || secret === undefined) return { kind: 'needs-key' };
  const beyond = scopes.filter((scope) => !holdsScope(held, scope));
  if (beyond.length > 0) return { kind: 'beyond', scopes: beyond };
  const nowMs = ports.clock.nowMs();
  const seconds = Math.min(expiresInSeconds, maxTokenSeconds, Math.floor((endsAtMs - nowMs) / 1000));
  const text = await signToken(
    ports.publicUrl,
    {
      key: keyId,
      scopes,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + seconds * 1000,
      id: ports.randomness.bytes(tokenIdBytes).toString('hex'),
      maker,
    },
    secret,
  );
  return { kind: 'issued', token: { text, expiresInSeconds: seconds, scopes } };
}
