/** Text that looks like a secret. */
export interface FoundSecret {
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  readonly kind: string;
  /** Begin of the text: enough to find it, too short to use it. */
  readonly begin: string;
}

/** Files whose secrets are not real. */
export interface AllowedSecrets {
  /** Matches whole paths. */
  readonly files: RegExp;
  /** Kinds that these files may hold. */
  readonly kinds: readonly string[];
  readonly reason: string;
}

/**
 * Forms of secrets that their issuers gave a recognizable form, by kind.
 *
 * @see https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns
 */
const forms: Readonly<Record<string, RegExp>> = {
  'aws-access-key': /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  'private-key': /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\s|\\[nr])+[A-Za-z0-9+/]{40}/g,
  'stripe-key': /\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}/g,
  'github-token': /\b(?:gh[opusr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})/g,
  'gitlab-token': /\bglpat-[A-Za-z0-9_-]{20}/g,
  'slack-token': /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/g,
  'slack-webhook': /hooks\.slack\.com\/services\/T\w{8,}\/B\w{8,}\/\w{20,}/g,
  'google-key': /\bAIza[A-Za-z0-9_-]{35}/g,
  'npm-token': /\bnpm_[A-Za-z0-9]{36}\b/g,
  'sendgrid-key': /\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}/g,
  'shopify-token': /\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}/g,
  'json-web-token': /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}/g,
  'tributary-key': /\btk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}\b/g,
  'webhook-secret': /\bwhsec_[A-Za-z0-9+/]{32,}={0,2}/g,
};

/** A text assigned to a name that says that it is a secret. */
const assigned =
  /\b\w*(?:secret|token|passw(?:or)?d|api_?key|private_?key|access_?key|credential)\w*["'`]?\s*(?:[:=]|=>)\s*["'`]([A-Za-z0-9+/_=.-]{20,})["'`]/gi;
/** Words have less, random base64 and hexadecimal text of this length has more. */
const minBitsPerCharacter = 3.5;

/** All texts of a file that look like secrets. */
export function findSecrets(file: string, text: string): readonly FoundSecret[] {
  const found = Object.entries(forms).flatMap(([kind, form]) =>
    [...text.matchAll(form)].map((match) => ({ kind, value: match[0], at: match.index })),
  );
  const random = [...text.matchAll(assigned)]
    .map((match) => ({ kind: 'assigned-secret', value: match[1] ?? '', at: match.index }))
    .filter(({ value }) => isRandom(value));
  return [...found, ...random].map(({ kind, value, at }) => ({
    file,
    line: text.slice(0, at).split('\n').length,
    kind,
    begin: value.slice(0, 12),
  }));
}

/** The secrets that no entry allows, and the entries that allow nothing. */
export function judgeSecrets(
  found: readonly FoundSecret[],
  allowed: readonly AllowedSecrets[],
): { readonly refused: readonly FoundSecret[]; readonly unused: readonly AllowedSecrets[] } {
  const allows = ({ files, kinds }: AllowedSecrets, { file, kind }: FoundSecret) =>
    files.test(file) && kinds.includes(kind);
  return {
    refused: found.filter((one) => !allowed.some((entry) => allows(entry, one))),
    unused: allowed.filter((entry) => !found.some((one) => allows(entry, one))),
  };
}

function isRandom(text: string): boolean {
  // Says itself that it is made up.
  if (/example|invented/i.test(text)) return false;
  return /\d/.test(text) && /[A-Za-z]/.test(text) && bitsPerCharacter(text) >= minBitsPerCharacter;
}

/** Shannon entropy of the characters. */
function bitsPerCharacter(text: string): number {
  const counts = [...Map.groupBy(text, (character) => character).values()].map((same) => same.length / text.length);
  return -counts.reduce((bits, share) => bits + share * Math.log2(share), 0);
}
