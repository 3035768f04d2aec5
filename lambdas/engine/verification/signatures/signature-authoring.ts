import type { ProofPlace, ProtectedTemplates, SignedParts } from '../check-kind.ts';
import { firstOf } from './signed-messages.ts';

/** The part of the specification that all checks of signed messages share. */
interface SignatureSpec extends Pick<SignedParts, 'algorithm' | 'encoding' | 'signature'> {
  readonly message: string | readonly string[];
  readonly split?: string | undefined;
  readonly prefix?: string | undefined;
}

// Separate functions instead of members of one object: the bundler treats a spread in a check's authoring side as a
// side effect, and the ingress bundle would then include every schema.

/** Where a sample carries the signature. */
export const signatureProof = ({ signature, prefix }: SignatureSpec): ProofPlace => ({ template: signature, prefix });

/** The parts that the signature protects. */
export const signatureProtects = ({ signature, split, message }: SignatureSpec): ProtectedTemplates => ({
  // Samples sign the first of several messages.
  signed: [{ template: firstOf(message) }],
  proofs: [signature],
  split,
});

/** @param key - Name of the secret that holds the key; undefined where the message itself holds a secret. */
export function signedParts(spec: SignatureSpec, key: string | undefined): SignedParts {
  const { algorithm, encoding, message, signature, split, prefix } = spec;
  return { algorithm, encoding, messages: [message].flat(), signature, split, prefix, key };
}
