import type { ProofPlace, ProtectedTemplates, SignedParts } from '../check-kind.ts';
import { firstOf } from './signed-messages.ts';

/** What every check of a signature over a message says of it. */
interface SignatureSpec extends Pick<SignedParts, 'algorithm' | 'encoding' | 'signature'> {
  readonly message: string | readonly string[];
  readonly split?: string | undefined;
  readonly prefix?: string | undefined;
}

// Functions of their own, not members of one object: a spread in a check's authoring side would count as a side effect,
// and ingress would load every schema.

/** Where samples carry the signature. */
export const signatureProof = ({ signature, prefix }: SignatureSpec): ProofPlace => ({ template: signature, prefix });

/** What a forger would have to change. */
export const signatureProtects = ({ signature, split, message }: SignatureSpec): ProtectedTemplates => ({
  // Of several messages, samples are signed with the first.
  signed: [{ template: firstOf(message) }],
  proofs: [signature],
  split,
});

/** @param key - Name of the secret that holds the key; undefined where the message itself holds a secret. */
export function signedParts(spec: SignatureSpec, key: string | undefined): SignedParts {
  const { algorithm, encoding, message, signature, split, prefix } = spec;
  return { algorithm, encoding, messages: [message].flat(), signature, split, prefix, key };
}
