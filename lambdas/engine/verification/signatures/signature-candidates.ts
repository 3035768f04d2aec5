import { missingReason, type RejectionReason } from '../../request/rejection-reason.ts';
import { renderAll, type Template, type TemplateInput, toTemplate } from '../../template/template.ts';
import { decodeExactly } from './decode-exactly.ts';

export interface SignaturePlace {
  readonly signature: Template;
  readonly written: string;
  readonly split: string | undefined;
  readonly prefix: string | undefined;
  readonly encoding: 'hex' | 'base64' | 'base64url';
}

export function prepareSignaturePlace(spec: {
  readonly signature: string;
  readonly split?: string | undefined;
  readonly prefix?: string | undefined;
  readonly encoding: SignaturePlace['encoding'];
}): SignaturePlace {
  const { signature, split, prefix, encoding } = spec;
  return { signature: toTemplate(signature), written: signature, split, prefix, encoding };
}

export type SignatureCandidates =
  | { readonly kind: 'signatures'; readonly signatures: readonly Buffer[] }
  | { readonly kind: 'rejected'; readonly reason: RejectionReason; readonly detail: string };

/** As many as the provider with the most signatures sends (DocuSign); each costs a comparison with each secret. */
const maxSignatures = 100;
/** Longest signature as text: RSA with 16384 bits has 4096 hexadecimal digits. */
const maxSignatureCharacters = 4096;

/**
 * Find the signatures of a request. Signatures of schemes that the definition does not name are ignored;
 * a request without a signature of a known scheme is rejected.
 *
 * @param lengthBytes - Length of a signature of this kind; undefined if it varies.
 */
export function signatureCandidates(
  place: SignaturePlace,
  input: TemplateInput,
  lengthBytes: number | undefined,
): SignatureCandidates {
  const texts = renderAll(place.signature, input).slice(0, maxSignatures);
  if (texts.length === 0) return { kind: 'rejected', reason: missingReason(place.written), detail: place.written };
  const listed =
    place.split === undefined ? texts : texts.flatMap((text) => text.split(place.split as string, maxSignatures));
  const { prefix } = place;
  const known =
    prefix === undefined
      ? listed
      : listed
          .map((text) => text.trim())
          .filter((text) => text.startsWith(prefix))
          .map((text) => text.slice(prefix.length));
  if (known.length === 0)
    return { kind: 'rejected', reason: 'no-known-signature-version', detail: prefix ?? place.written };
  const signatures = known
    .slice(0, maxSignatures)
    .flatMap((text) => decodeSignature(text, place.encoding, lengthBytes) ?? []);
  if (signatures.length === 0) return { kind: 'rejected', reason: 'signature-malformed', detail: place.encoding };
  return { kind: 'signatures', signatures };
}

function decodeSignature(text: string, encoding: SignaturePlace['encoding'], lengthBytes?: number): Buffer | undefined {
  const signature = text.length > maxSignatureCharacters ? undefined : decodeExactly(text, encoding);
  return lengthBytes === undefined || signature?.length === lengthBytes ? signature : undefined;
}
