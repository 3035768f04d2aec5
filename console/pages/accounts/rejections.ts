import type { RejectedBy } from '../../../lambdas/ports/runtime/statistics-store.ts';

/** Why the engine rejects requests of a provider, and what mends it. */
export interface Explained {
  readonly meaning: string;
  readonly remedy: string;
}

const provider = 'at the provider';

/** In the words of `tributary verify`, for people who see counts and not the request. */
const rejections: Readonly<Record<RejectedBy, Explained>> = {
  'url-unknown': {
    meaning: 'The URL names no integration or account of this deployment.',
    remedy: `Copy the webhook URL of the account, and enter it ${provider}.`,
  },
  'source-not-allowed': {
    meaning: 'The request came from an address that may not send to this account or integration.',
    remedy: `Compare the allowed ranges with the addresses that the provider publishes, if the requests are genuine.`,
  },
  'method-not-allowed': {
    meaning: 'The request came by a method that the provider does not use for webhooks.',
    remedy: `Check which method the webhook uses ${provider}. Browsers and scanners send such requests, too.`,
  },
  'body-too-large': {
    meaning: 'The body is larger than the engine takes.',
    remedy: `Let the provider send fewer records at once, or notices without the records.`,
  },
  'body-malformed': {
    meaning: 'The body cannot be read in the form that the provider uses, such as JSON.',
    remedy: `Check that the webhook ${provider} sends the content type that its documentation shows.`,
  },
  'key-calls-limited': {
    meaning: 'Too many requests named keys that are not known, so the provider was not asked for more of them.',
    remedy: 'Nothing: the provider sends its requests again, and strangers do not.',
  },
  'hop-limit': {
    meaning: 'The request goes round in a circle: a callback causes the webhook that causes the callback.',
    remedy: 'Find the receiver that writes into the same record, and let it ignore what it wrote itself.',
  },
  'rate-limited': {
    meaning: 'The account, or its tenant, sends more webhooks than its rate allows.',
    remedy: 'The provider sends them again. Ask the operator for a higher rate if it happens often.',
  },
  'secret-not-configured': {
    meaning: 'The account has no secret to verify the request with.',
    remedy: `Copy the webhook's secret ${provider}, and set it on the account.`,
  },
  'key-unusable': {
    meaning: 'The stored secret is not a usable key: it has another form than the provider gives it.',
    remedy: 'Set the secret again. Copy all of it, with its prefix, and without spaces or line breaks.',
  },
  'key-unknown': {
    meaning: 'The request names a key that the provider does not publish.',
    remedy:
      'Nothing, if it happens seldom: strangers send such requests. If all requests fail, the provider has changed its keys.',
  },
  'key-id-malformed': {
    meaning: 'The request names its key with an id that is none, so the provider was not asked for it.',
    remedy: 'Nothing: such requests do not come from the provider.',
  },
  'account-unverified': {
    meaning: 'The request came to the URL for all accounts, and no account that it names verifies it.',
    remedy:
      "Check that the account's context has the value by which the provider names it, and that its secret is right.",
  },
  'url-not-allowed': {
    meaning: 'The request names an address for its key or certificate where the provider has none.',
    remedy: 'Nothing: such requests do not come from the provider.',
  },
  'capture-not-armed': {
    meaning: 'The provider sent a secret in a handshake, and the account does not wait for one.',
    remedy: `Let the account wait for the secret, and start the handshake again ${provider}.`,
  },
  'nonce-replayed': {
    meaning: 'The same request was received before, so this copy was refused.',
    remedy: 'Nothing: the first one counted.',
  },
  'header-missing': {
    meaning: 'A header that carries the signature, the time or a token is missing.',
    remedy: `Check that signatures are switched on ${provider}, and that no proxy removes headers.`,
  },
  'value-missing': {
    meaning: 'A part of the request that the check needs is missing.',
    remedy: `Check that the webhook ${provider} sends the form that its documentation shows.`,
  },
  'no-known-signature-version': {
    meaning: 'The request has a signature, but none of a version or an algorithm that the definition knows.',
    remedy: `Check which version of signatures the webhook uses ${provider}.`,
  },
  'signature-malformed': {
    meaning: 'The signature is written in another form than the provider uses: another encoding, prefix or length.',
    remedy: `Check which algorithm is chosen ${provider}. Single ones are not from the provider.`,
  },
  'signature-mismatch': {
    meaning: 'The signature does not fit: the secret is wrong, or the body changed on its way.',
    remedy: `Copy the secret ${provider} again. While it changes, give the account both secrets. A proxy must not rewrite the body.`,
  },
  'token-malformed': {
    meaning: 'The token or password of the request is not written as the provider writes it.',
    remedy: `Check the authentication that is set for the webhook ${provider}.`,
  },
  'token-mismatch': {
    meaning: 'The token or password of the request is not the one that the account has.',
    remedy: `Enter the whole webhook URL ${provider} again, with what follows the question mark, or set the secret again.`,
  },
  'claim-mismatch': {
    meaning: 'The signed token is valid, but says something else than expected: another receiver, sender or body.',
    remedy: `Check that the webhook ${provider} was made for this URL and this application.`,
  },
  'items-missing': {
    meaning: 'The request should hold a list of signed items, and holds none.',
    remedy: `Check that the webhook ${provider} sends the form that its documentation shows.`,
  },
  'timestamp-malformed': {
    meaning: 'The time in the request is not written as the provider writes it.',
    remedy: 'Nothing, if it happens seldom. If all requests fail, the provider has changed its form.',
  },
  'timestamp-too-old': {
    meaning: 'The signature is too old. The request was delayed, or an old one was sent again.',
    remedy: 'Nothing, if it happens seldom. Otherwise look for a queue or a proxy before the webhook URL.',
  },
  'timestamp-in-the-future': {
    meaning: 'The request says that it was signed later than now.',
    remedy: "Check the clock of the sending system. The provider's own clock is seldom wrong.",
  },
};

export function explainRejection(reason: string): Explained {
  return (
    (rejections as Readonly<Record<string, Explained>>)[reason] ?? {
      meaning: 'This version of the console does not know the reason.',
      remedy: 'Verify a request with the command line: tributary verify.',
    }
  );
}
