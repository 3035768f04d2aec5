import { z } from 'zod';
import { confine, outboundCall, readsRequest, requestSources, urlFields } from '../../outbound/outbound-schema.ts';
import { identifier, source } from '../../template/template-schema.ts';

/** Longest text that a declared syntax allows: no provider's key id is longer. */
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

/** Few syntaxes and no patterns: ingress checks them for strangers, in time that grows with the text alone. */
const valueSyntax = z.strictObject(syntaxFields).describe('What a part of the request must look like.');

const certificatePath = z
  .strictObject({
    prefix: z
      .string()
      .regex(/^\/[\w./-]*$/, 'expected a path such as /certs/')
      .describe('How the path begins.'),
    ...syntaxFields,
    suffix: z
      .string()
      .regex(/^[\w.-]*$/, 'expected an ending such as .pem')
      .default('')
      .describe('How the path ends.'),
  })
  .describe('The path of the URL: its beginning, a name of the syntax, and its ending. The URL must have no query.');

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
        'Hosts that may be asked over plain http for the certificate of an issuer, as most authorities publish theirs; `.example.com` means each host of that domain. Any other issuer is asked over https only.',
      ),
    names: z
      .array(z.string().min(1))
      .min(1)
      .describe('Host names of which the certificate must carry one: whose certificate it has to be.'),
  })
  .superRefine(confine)
  .superRefine(({ url, path }, context) => {
    if (path === undefined && readsRequest(url))
      context.addIssue({
        code: 'custom',
        path: ['url'],
        message: `got "${url}" without \`path\`, expected the path that the provider's certificates have: each other path would be a call that anybody can cause`,
      });
  })
  .describe('X.509 in PEM at a URL of the request; it must chain to a public root and be valid now.');

const keyCall = z
  .strictObject({
    ...outboundCall,
    parts: z
      .record(source, valueSyntax)
      .default({})
      .describe(
        'What each part of the request that the call holds must look like, for example `jwt.header.kid: { syntax: uuid }`; anything else is rejected without a call.',
      ),
    select: z
      .string()
      .min(1)
      .optional()
      .describe('Path in the JSON answer where the key (JWK, or PEM) stands; without it the answer itself is the key.'),
  })
  .superRefine(confine)
  .superRefine(({ url, headers, json = {}, parts }, context) => {
    const read = new Set([url, ...Object.values(headers), ...Object.values(json)].flatMap(requestSources));
    for (const name of read)
      if (!Object.hasOwn(parts, name))
        context.addIssue({
          code: 'custom',
          path: ['parts'],
          message: `got a call that holds {${name}} without its syntax, expected for example ${name}: { syntax: uuid }; each other value would be a call that anybody can cause`,
        });
    for (const name of Object.keys(parts))
      if (!read.has(name))
        context.addIssue({
          code: 'custom',
          path: ['parts', name],
          message: `got "${name}", which the call does not hold`,
        });
  })
  .describe("One key by its id, from the provider's API.");

const keySources = ['certificate', 'jwks', 'oidc', 'call'] as const;

/** A public key that the provider publishes: fetched when it is first needed, and remembered. */
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
      .describe('OpenID Connect issuer, whose discovery names its keys.'),
    call: keyCall.optional(),
    pinned: identifier
      .default('public_key')
      .describe('Secret in which an account may keep the key itself (PEM, JWK, JWKS); then nothing is fetched.'),
  })
  .superRefine((spec, context) => {
    const got = keySources.filter((name) => spec[name] !== undefined);
    if (got.length !== 1)
      context.addIssue({
        code: 'custom',
        message: `got ${got.length === 0 ? 'none' : got.join(' and ')}, expected exactly one of ${keySources.join(', ')}`,
      });
  });

export const publicKeySource = z
  .union([identifier, remoteKey])
  .describe('Name of the secret that holds the public key, or where the provider publishes it.');

export type RemoteKeySpec = z.infer<typeof remoteKey>;
