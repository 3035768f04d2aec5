import { isDeepStrictEqual } from 'node:util';
import { EngineError } from '../../contracts/engine-error.ts';
import type { CredentialCipher, CredentialContext } from '../../ports/provider/credential-cipher.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { createKmsEnvelopes } from './kms-envelopes.ts';

/** How long an opened text is kept, so that not each call of a provider pays for a call of KMS. */
const keptMs = 60_000;
const maxKept = 500;

/**
 * Credentials encrypted under one KMS key. The library is loaded on first use, because it is large.
 *
 * Errors have no cause: that of a text that is not JSON would quote the credentials.
 */
export function createKmsCredentialCipher(keyArn: string, clock: Clock): CredentialCipher {
  const opened = new Map<string, { readonly plain: Buffer; readonly untilMs: number }>();
  let loading: Promise<ReturnType<typeof createKmsEnvelopes>> | undefined;
  const load = () => {
    loading ??= import('./kms-envelopes.ts').then((library) => library.createKmsEnvelopes(keyArn));
    return loading;
  };
  return {
    async seal(plain, context) {
      const envelopes = await load();
      const outcome = await envelopes.encrypt(Buffer.from(JSON.stringify(plain)), pairsOf(context));
      if (outcome.kind === 'unavailable') throw unavailable(outcome.error);
      return outcome.text.toString('base64');
    },
    async open(sealed, context) {
      const key = JSON.stringify([pairsOf(context), sealed]);
      const known = opened.get(key);
      opened.delete(key);
      if (known !== undefined && known.untilMs > clock.nowMs()) {
        opened.set(key, known);
        return parse(known.plain);
      }
      const text = Buffer.from(sealed, 'base64');
      // Node skips characters outside Base64; the cipher never wrote such a text.
      if (text.toString('base64') !== sealed) throw notSealed();
      const envelopes = await load();
      const outcome = await envelopes.decrypt(text);
      if (outcome.kind === 'unavailable') throw unavailable(outcome.error);
      // A text that was sealed for another account is intact, so only this comparison refuses it.
      if (outcome.kind === 'refused' || !isDeepStrictEqual(outcome.context, pairsOf(context))) throw notSealed();
      const values = parse(outcome.plain);
      opened.set(key, { plain: outcome.plain, untilMs: clock.nowMs() + keptMs });
      const [oldest] = opened.keys();
      if (opened.size > maxKept && oldest !== undefined) opened.delete(oldest);
      return values;
    },
  };
}

function pairsOf({ tenant, account }: CredentialContext) {
  return { tenant, account, purpose: 'credentials' };
}

function parse(plain: Buffer): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(plain.toString('utf8')) as Readonly<Record<string, unknown>>;
  } catch {
    throw notSealed();
  }
}

function notSealed(): EngineError {
  return new EngineError('corrupt-state', 'the stored credentials were not sealed for this account', {
    retryable: false,
  });
}

function unavailable(error: string): EngineError {
  return new EngineError('storage-unavailable', `the key of credentials cannot be used: ${error}`, {
    retryable: true,
  });
}
