import type { Answer } from '../../engine-client.ts';
import { Code } from '../../ui/copy.tsx';

const verification = `import { createHmac, timingSafeEqual } from 'node:crypto';

// The body as it arrived: parsed and written again, it has other bytes.
const signed = \`\${headers['webhook-id']}.\${headers['webhook-timestamp']}.\${rawBody}\`;
const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
const expected = createHmac('sha256', key).update(signed).digest();
const isFresh = Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp'])) < 300;
const isGenuine = headers['webhook-signature'].split(' ').some((entry) => {
  const [version, value = ''] = entry.split(',');
  const given = Buffer.from(value, 'base64');
  return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
});`;

/** What the signature of a request says, and how a receiver verifies it. */
export function SignatureHelp({ of }: { readonly of: Answer<'GET /v1/deliveries/{id}/request'> }) {
  const signatures = of.headers['webhook-signature']?.split(' ') ?? [];
  return (
    <details class="signature">
      <summary>Signature explained</summary>
      <div class="stack">
        <p>
          <code>v1</code> signs the text <code>{'<webhook-id>.<webhook-timestamp>.<body>'}</code> with HMAC-SHA256, and
          writes the result in base64. The key is what follows <code>whsec_</code> in the secret, decoded from base64.
          For this request, the signed text is:
        </p>
        <Code text={of.signed_content} label="Signed text" isWrapped />
        <p>
          The header <code>webhook-signature</code> has{' '}
          {signatures.length === 1 ? 'one signature' : `${signatures.length} signatures`}, one for each key that signs
          now. A receiver accepts the request if one of them is right:
        </p>
        <Code text={signatures.join('\n')} label="Signatures" isWrapped />
        <p>
          To verify it, compute the same value, compare in constant time, and refuse a <code>webhook-timestamp</code>{' '}
          that is more than five minutes away. Any library for Standard Webhooks does this; in Node.js without one:
        </p>
        <Code text={verification} label="Verification in Node.js" />
        <p>
          These values were made with the current secret. If the secret has been rotated since the attempt, the attempt
          itself carried others.
        </p>
        {signatures.some((one) => one.startsWith('v1a,')) ? (
          <p>
            <code>v1a</code> signs the same text with Ed25519. The receiver needs no secret for it: the public keys are
            on the subscription’s page, under Secrets.
          </p>
        ) : null}
      </div>
    </details>
  );
}
