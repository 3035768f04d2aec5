import { z } from 'zod';
import { confine, outboundCall, readsRequest, requestSources, urlFields } from '../../outbound/outbound-schema.ts';
import { identifier, source } from '../../template/template-schema.ts';

/** Longest text of a declared syntax; no provider has longer key ids. */
const maxSyntaxCharacters = 128;

const syntaxFields = {
  syntax: z
    .enum(['hex', 'digits', 'base64url', 'uuid'])
    .describe('Characters: hexadecimal digits, decimal digits, letters with digits, `-` and `_`, or a UUID.'),
  min: z.int().positive().default(1).describe('Fewest characters; a UUID has 36.'),
  max: z
    .int()
    .positive()
    .max(maxSyntaxCharacters)
    .default(maxSyntaxCharacters)
    .describe('Most characters; a UUID has 36.'),
};

/** A few fixed syntaxes instead of patterns: ingress checks unverified text, in time linear in its length. */
const valueSyntax = z.strictObject(syntaxFields).describe('Required syntax of a part of the request.');

const certificatePath = z
  .strictObject({
    prefix: z
      .string()
      .regex(/^\/[\w./-]*$/, 'expected a path such as /certs/')
      .describe('Beginning of the path.'),
    ...syntaxFields,
    suffix: z
      .string()
      .regex(/^[\w.-]*$/, 'expected an ending such as .pem')
      .default('')
      .describe('Ending of the path.'),
  })
  .describe(
    'Required path of the URL: its beginning, a name with the syntax, and its ending. The URL must have no query.',
  );

const issuerHost = z
  .string()
  .regex(/^\.?([a-z0-9-]+\.)+[a-z]{2,}$/, 'expected a host such as cacerts.example.com, or .example.com for a domain');

const certificate = z
  .strictObject({
    ...urlFields,
    path: certificatePath.optional(),
    issuers: z
      .array(issuerHost)
      .min(1)
      .optional()
      .describe(
        'Hosts from which the engine may fetch the certificate of an issuer over plain http, as most authorities publish it; `.example.com` means each host of that domain. For all other hosts, the engine uses https only.',
      ),
    names: z
      .array(z.string().min(1))
      .min(1)
      .describe('Host names of the certificate owner; the certificate must have one of them.'),
  })
  .superRefine(confine)
  .superRefine(({ url, path }, context) => {
    if (path === undefined && readsRequest(url))
      context.addIssue({
        code: 'custom',
        path: ['url'],
        message: `got "${url}" without \`path\`, expected the path of the provider's certificates: without it, anyone could make the engine call other paths`,
      });
  })
  .describe('X.509 certificate in PEM at a URL in the request; it must chain to a public root and be valid now.');

const keyCall = z
  .strictObject({
    ...outboundCall,
    parts: z
      .record(source, valueSyntax)
      .default({})
      .describe(
        'Required syntax of each part of the request that the call includes, for example `jwt.header.kid: { syntax: uuid }`; a request with another value is rejected without a call.',
      ),
    select: z
      .string()
      .min(1)
      .optional()
      .describe('Path to the key (JWK or PEM) in the JSON answer; without it, the answer itself is the key.'),
  })
  .superRefine(confine)
  .superRefine(({ url, headers, json = {}, parts }, context) => {
    const read = new Set([url, ...Object.values(headers), ...Object.values(json)].flatMap(requestSources));
    for (const name of read)
      if (!Object.hasOwn(parts, name))
        context.addIssue({
          code: 'custom',
          path: ['parts'],
          message: `got a call that includes {${name}} without its syntax, expected for example ${name}: { syntax: uuid }; without it, anyone could cause calls with other values`,
        });
    for (const name of Object.keys(parts))
      if (!read.has(name))
        context.addIssue({
          code: 'custom',
          path: ['parts', name],
          message: `got "${name}", which the call does not include`,
        });
  })
  .describe("One key by its id, from the provider's API.");

const keySources = ['certificate', 'jwks', 'oidc', 'call'] as const;

/** A public key that the provider publishes; the engine fetches it when first needed and caches it. */
const remoteKey = z
  .strictObject({
    certificate: certificate.optional(),
    jwks: z
      .url({ protocol: /^https$/ })
      .optional()
      .describe('URL of a JSON Web Key Set.'),
    oidc: z
      .url({ protocol: /^https$/ })
      .optional()
      .describe('OpenID Connect issuer, whose discovery document names its keys.'),
    call: keyCall.optional(),
    pinned: identifier
      .default('public_key')
      .describe(
        'Secret in which an account may keep the key itself (PEM, JWK, JWKS); then the engine fetches nothing.',
      ),
  })
  .superRefine((spec, context) => {
    const got = keySources.filter((name) => spec[name] !== undefined);
    if (got.length !== 1)
      context.addIssue({
        code: 'custom',
        message: `got ${got.length === 0 ? 'no source' : got.join(' and ')}, expected exactly one of ${keySources.join(', ')}`,
      });
  });

export const publicKeySource = z
  .union([identifier, remoteKey])
  .describe('Name of the secret that holds the public key, or where the provider publishes it.');

export type RemoteKeySpec = z.infer<typeof remoteKey>;
