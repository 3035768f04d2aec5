import { SignatureV4 } from '@smithy/signature-v4';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { ConfinedAnswer, ConfinedPost } from '../../http/confined-post.ts';
import { SigningSha256 } from '../client-settings.ts';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** A post to a service of AWS, not signed yet. */
export interface AwsPost extends Omit<ConfinedPost, 'url' | 'maxBodyBytes' | 'maxReadingMs'> {
  readonly service: string;
  readonly region: string;
  /** `https://sqs.eu-west-1.amazonaws.com` */
  readonly endpoint: string;
  readonly credentials: AwsCredentials;
}

export type SignedPost = (post: AwsPost) => Promise<ConfinedAnswer>;

/** AWS's answers to these calls have some hundred bytes. */
const maxBodyBytes = 64 * 1024;
const maxReadingMs = 2_000;

/**
 * Signs posts to AWS. The SDK's clients are not used: they retry by themselves, keep a pool of connections for each
 * pair of credentials, and cannot give up a late answer.
 */
export function createSignedPost(post: (post: ConfinedPost) => Promise<ConfinedAnswer>, clock: Clock): SignedPost {
  return async ({ service, region, endpoint, credentials, ...rest }) => {
    const url = new URL('/', endpoint);
    const signer = new SignatureV4({
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey,
        ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
      },
      region,
      service,
      sha256: SigningSha256,
    });
    const signed = await signer.sign(
      {
        method: 'POST',
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: {},
        headers: { ...rest.headers, host: url.host },
        body: rest.body,
      },
      { signingDate: new Date(clock.nowMs()) },
    );
    const { host: _, ...headers } = signed.headers;
    return post({ ...rest, url: url.href, headers, maxBodyBytes, maxReadingMs });
  };
}
