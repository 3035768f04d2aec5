import { z } from 'zod';
import { parseSource, parseTemplate } from '../template/template.ts';

/**
 * The definition language: what `integration.yaml` may say. Every object is closed, so that a
 * misspelt key is an error and not a check that silently never runs.
 */

const template = z.string().superRefine((text, context) => {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') context.addIssue({ code: 'custom', message: parsed.message });
});

const source = z.string().superRefine((text, context) => {
  if (parseSource(text) === undefined)
    context.addIssue({
      code: 'custom',
      message: `got "${text}", expected a source such as header.X-Event, query.challenge or json.type`,
    });
});

const identifier = z.string().regex(/^[a-z][a-z0-9_]*$/, 'expected lower-case letters, digits and underscores');

const digestAlgorithm = z.enum(['sha1', 'sha256', 'sha512']);
const encoding = z.enum(['hex', 'base64', 'base64url']).describe('How the provider writes the signature.');

/** Where signatures stand: one, or a list of which those with the prefix count. */
const signaturePlace = {
  signature: template.describe('Where the signature stands; a list of headers or JSON values gives several.'),
  split: z.string().min(1).optional().describe('What separates several signatures in one text, for example `,`.'),
  prefix: z
    .string()
    .min(1)
    .optional()
    .describe('Text before a signature, for example `sha256=` or `v1,`; those without it are passed over.'),
};

const key = z
  .union([
    identifier,
    z.strictObject({
      secret: identifier,
      decode: z.enum(['utf8', 'hex', 'base64']).default('utf8').describe('How the key bytes are written.'),
      prefix: z.string().min(1).optional().describe('Text before the key that is no part of it, for example `whsec_`.'),
    }),
  ])
  .describe('Name of a declared secret; its UTF-8 bytes are the key unless `decode` says otherwise.');

/**
 * A host, or the hosts of a service by region. There is no wildcard: `sns.*.amazonaws.com` is also the bucket of
 * anybody who calls it "sns" (sns.s3.amazonaws.com).
 */
const hostPattern = z
  .string()
  .regex(
    /^(?=.{4,253}$)(([a-z0-9-]+|\{region\})\.)+[a-z]{2,}$/,
    'expected a host such as api.example.com, or sns.{region}.amazonaws.com where {region} stands for an AWS region; a wildcard would let in hosts that others own',
  )
  .refine(
    (host) => !/\{region\}\.[^.]+$/.test(host),
    'expected a registered domain: its last two labels must be literal',
  );

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

export type ValueSyntax = z.infer<typeof valueSyntax>;

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

const urlFields = {
  url: template.describe(
    'An https URL. Where it begins with a literal host, what is put into it is percent-encoded; where the request gives all of it, or a secret a part of the host, `hosts` says which hosts may be called.',
  ),
  hosts: z.array(hostPattern).min(1).optional().describe('Hosts that may be called where the host is not written out.'),
};

/** A URL that nobody confines is a way into the deployment's network. */
function confine(
  spec: { readonly url: string; readonly hosts?: readonly string[] | undefined },
  context: z.RefinementCtx,
) {
  const isLiteral = /^https:\/\/[a-z0-9.-]+(:\d+)?(\/|$)/i.test(spec.url);
  if (isLiteral === (spec.hosts !== undefined))
    context.addIssue({
      code: 'custom',
      path: isLiteral ? ['hosts'] : ['url'],
      message: isLiteral
        ? 'got `hosts` beside a URL whose host is written out, expected one of the two'
        : `got "${spec.url}", expected a URL with a literal host (https://api.example.com/…), or \`hosts\` beside it`,
    });
}

const httpHeaders = z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/), template);

/** A call that the engine makes: its parts are templates over the request. */
const outboundCall = {
  method: z.enum(['GET', 'POST', 'PUT']).default('GET'),
  ...urlFields,
  headers: httpHeaders.default({}),
  json: z.record(z.string(), template).optional().describe('A JSON body: member to template.'),
};

/** Whether a template reads a part of the request: a secret, or no part at all, is not a stranger's choice. */
function readsRequest(text: string): boolean {
  return requestSources(text).length > 0;
}

/** The parts of the request that a template reads, as they are written. */
function requestSources(text: string): readonly string[] {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') return [];
  return parsed.template.parts.flatMap((part) =>
    'source' in part && part.source.from !== 'secret' ? [part.text] : [],
  );
}

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

/** A public key that stands at the provider: fetched when it is first needed, and remembered. */
const outsideKey = z
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

const publicKeySource = z
  .union([identifier, outsideKey])
  .describe('Name of the secret that holds the public key, or where the provider publishes it.');

/** One message, or several of which any may be what was signed. */
const message = z
  .union([template, z.array(template).min(1).max(8)])
  .describe('What is signed; a list where the provider may have signed any of several.');

const hmac = z.strictObject({ algorithm: digestAlgorithm, encoding, key, message, ...signaturePlace });

const digest = z
  .strictObject({ algorithm: digestAlgorithm, encoding, message, ...signaturePlace })
  .describe('A digest without a key; a secret in the message makes it a signature.');

const publicKey = z.strictObject({
  algorithm: z.enum(['ecdsa-p256-sha256', 'rsa-sha256', 'rsa-sha1', 'ed25519']),
  encoding,
  key: publicKeySource.describe(
    'Name of the secret that holds the public key (PEM, JWK, base64 SPKI, or raw Ed25519 in hex), or where the provider publishes it.',
  ),
  message,
  ...signaturePlace,
});

const freshness = z.strictObject({
  timestamp: template.describe('Where the timestamp stands; it must be part of what is signed.'),
  unit: z.enum(['s', 'ms', 'iso8601']),
  max_age_seconds: z.int().positive().describe('How old a request may be.'),
  max_ahead_seconds: z.int().nonnegative().describe('How far ahead the clock of the provider may be.'),
});

const token = z
  .strictObject({
    value: template.describe('Where the token stands.'),
    prefix: z.string().min(1).optional().describe('Text before the token, for example `Bearer `.'),
    expected: identifier.describe('Name of the secret that it must equal.'),
  })
  .describe('A shared token, compared in constant time.');

const basic = z
  .strictObject({ username: identifier, password: identifier })
  .describe('HTTP Basic authentication; the names of the two secrets.');

const urlToken = z
  .strictObject({
    parameter: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_-]*$/)
      .default('token')
      .describe('Query parameter of the webhook URL that carries it.'),
  })
  .describe('For providers that do not sign: an unguessable token that the engine makes and `webhook_url` carries.');

const jwt = z
  .strictObject({
    token: template.describe('Where the token stands; a list gives several, all of which must pass.'),
    prefix: z.string().min(1).optional().describe('Text before the token, for example `Bearer `.'),
    algorithms: z
      .array(z.enum(['HS256', 'HS384', 'HS512', 'RS256', 'RS512', 'ES256', 'EdDSA']))
      .min(1)
      .refine(
        (names) => new Set(names.map((name) => name.slice(0, 2))).size === 1,
        'expected algorithms of one kind of key: a public key must never be taken for a shared secret',
      ),
    key: publicKeySource.describe(
      'Name of the secret that holds the shared secret or the public key (PEM, JWK), or where the provider publishes its keys.',
    ),
    claims: z
      .record(z.string(), template)
      .default({})
      .describe("Claims that must equal these texts, which may read the token's own: `{jwt.claims.tid}`."),
    require: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('Claims that must be there, for example `exp`: a token without it would be valid forever.'),
    max_age_seconds: z.int().positive().optional().describe('How old `iat` may be; a token without `iat` is rejected.'),
    body_sha256_claim: z.string().min(1).optional().describe('Claim that holds the hexadecimal SHA-256 of the body.'),
    query_hash_claim: z
      .string()
      .min(1)
      .optional()
      .describe('Claim that holds the SHA-256 of method, path and sorted query, as Atlassian Connect has it (`qsh`).'),
    covers: z
      .strictObject({
        items: source.describe('The list, for example `json.value`.'),
        value: template.describe('What of each `{item.…}` a token must name.'),
        claim: z.string().min(1).describe('The claim that names it.'),
      })
      .optional()
      .describe('Each item of a list must be named by a claim of one of the tokens.'),
  })
  .refine(({ algorithms, key: of }) => typeof of === 'string' || !algorithms.some((name) => name.startsWith('HS')), {
    path: ['key'],
    message: 'expected the name of a secret: a shared secret is never published',
  })
  .refine(({ require = [], max_age_seconds: maxAge }) => maxAge !== undefined || require.includes('exp'), {
    message: 'got a token without an end, expected `max_age_seconds`, or `require: [exp]`',
  });

export type HmacSpec = z.infer<typeof hmac>;
export type DigestSpec = z.infer<typeof digest>;
export type PublicKeySpec = z.infer<typeof publicKey>;
export type FreshnessSpec = z.infer<typeof freshness>;
export type TokenSpec = z.infer<typeof token>;
export type BasicSpec = z.infer<typeof basic>;
export type JwtSpec = z.infer<typeof jwt>;
export type UrlTokenSpec = z.infer<typeof urlToken>;
export type OutsideKeySpec = z.infer<typeof outsideKey>;

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const condition = z
  .record(source, z.union([scalar, z.array(scalar).min(1), z.strictObject({ present: z.boolean() })]))
  .describe('Source to value: all must be equal. A list means any of its values; `present` asks whether it is there.');

export type ConditionSpec = z.infer<typeof condition>;

/** A tree of checks: exactly one key. */
export interface VerifySpec {
  readonly hmac?: HmacSpec | undefined;
  readonly digest?: DigestSpec | undefined;
  readonly public_key?: PublicKeySpec | undefined;
  readonly jwt?: JwtSpec | undefined;
  readonly token?: TokenSpec | undefined;
  readonly basic?: BasicSpec | undefined;
  readonly url_token?: UrlTokenSpec | undefined;
  readonly freshness?: FreshnessSpec | undefined;
  readonly all?: readonly VerifySpec[] | undefined;
  readonly any?: readonly VerifySpec[] | undefined;
  /** The first case whose condition holds decides; none is a rejection. */
  readonly cases?: readonly { readonly when?: ConditionSpec | undefined; readonly verify: VerifySpec }[] | undefined;
  /** Every item must pass, and there must be one. */
  readonly each?: { readonly items: string; readonly verify: VerifySpec } | undefined;
}

const checkNames = 'hmac, digest, public_key, jwt, token, basic, url_token, freshness, all, any, cases, each';

const verifyNodes: z.ZodType<VerifySpec> = z.lazy(() =>
  z
    .strictObject({
      hmac: hmac.optional(),
      digest: digest.optional(),
      public_key: publicKey.optional(),
      jwt: jwt.optional(),
      token: token.optional(),
      basic: basic.optional(),
      url_token: urlToken.optional(),
      freshness: freshness.optional(),
      all: z.array(verifyNodes).min(1).optional(),
      any: z.array(verifyNodes).min(1).optional(),
      cases: z
        .array(z.strictObject({ when: condition.optional(), verify: verifyNodes }))
        .min(1)
        .optional(),
      each: z.strictObject({ items: source, verify: verifyNodes }).optional(),
    })
    .superRefine((node, context) => {
      const keys = Object.keys(node);
      if (keys.length !== 1)
        context.addIssue({
          code: 'custom',
          message: `got ${keys.length === 0 ? 'no key' : keys.join(' and ')}, expected exactly one of ${checkNames}`,
        });
    }),
);

const confirmation = z
  .strictObject(outboundCall)
  .superRefine(confine)
  .describe('A call that completes the handshake; made from the queue, so that it is repeated until it succeeds.');

const handshake = z.strictObject({
  name: identifier,
  when: z.union([condition, z.array(condition).min(1)]).describe('A condition, or several of which any will do.'),
  verify: z
    .union([z.enum(['same', 'none']), verifyNodes])
    .default('same')
    .describe(
      '`same`: as every request; `none`: providers that shake hands before a secret exists; or checks of its own.',
    ),
  token: token.optional().describe('A token that the handshake itself carries and that must be right.'),
  capture: z
    .strictObject({
      secret: identifier.describe('Name of the declared secret that the handshake brings.'),
      from: template.describe('Where its value stands.'),
    })
    .optional()
    .describe('A secret that the provider chooses: taken once, and only while the account waits for it.'),
  confirm: confirmation.optional(),
  respond: z.strictObject({
    status: z.int().min(200).max(299).default(200),
    headers: httpHeaders.default({}),
    content_type: z.string().optional(),
    body: template.optional(),
    json: z.record(z.string(), template).optional().describe('A JSON body instead: member to template.'),
  }),
});

const reply = z
  .strictObject({
    accepted: z
      .strictObject({
        status: z.int().min(200).max(299).default(200),
        content_type: z.string().optional(),
        body: z.string().optional(),
      })
      .default({ status: 200 }),
    rejected_status: z.int().min(400).max(499).default(401),
    rejected_body: z
      .enum(['problem', 'none'])
      .default('problem')
      .describe('`none` where the provider wants a rejection without a body.'),
  })
  .default({ accepted: { status: 200 }, rejected_status: 401, rejected_body: 'problem' })
  .describe('What the provider wants to hear, where 200 with an empty body and 401 are not it.');

const decode = z.union([
  z.enum(['json', 'form', 'multipart', 'xml', 'text']),
  z.strictObject({
    form_json: z.string().min(1).describe('Name of the form field that holds the JSON.'),
  }),
]);

export type DecodeSpec = z.infer<typeof decode>;
export type HandshakeSpec = z.infer<typeof handshake>;
export type OutboundCallSpec = z.infer<typeof confirmation>;
export type ReplySpec = z.infer<typeof reply>;

const nonce = z
  .strictObject({
    value: template.describe('Where it stands; it must be part of what is signed.'),
    ttl_seconds: z
      .int()
      .min(60)
      .max(30 * 86_400)
      .default(3 * 86_400)
      .describe('How long it is remembered: longer than the provider goes on sending a request again.'),
  })
  .describe(
    'A value that comes once. For signatures that do not cover the body: the same value with another body is a replay, with the same body a repetition.',
  );

const encrypted = z
  .strictObject({
    items: source
      .refine((name) => name.startsWith('json.'), 'expected a list in the body, for example json.value')
      .describe('The list whose items hold encrypted content, for example `json.value`.'),
    from: z
      .string()
      .min(1)
      .describe('Path in an item where the encrypted content stands; items without it stay as they are.'),
    into: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
      .describe('Member of the item that is set to the content.'),
    key: z.strictObject({
      secret: identifier.describe('Name of the secret that holds the RSA private key (PEM).'),
      from: z
        .string()
        .min(1)
        .describe('Path, in the encrypted content, of the encrypted symmetric key (base64; RSA-OAEP with SHA-1).'),
    }),
    content: z
      .string()
      .min(1)
      .describe(
        'Path of the ciphertext: base64; AES-256-CBC, its initialization vector the first 16 bytes of the key.',
      ),
    signature: z
      .string()
      .min(1)
      .describe('Path of the HMAC-SHA256 of the ciphertext under the symmetric key (base64).'),
  })
  .describe('Encrypted items, read before they are mapped.');

export type DecryptSpec = z.infer<typeof encrypted>;

const contextPlace = z.union([
  template,
  z.strictObject({
    items: source.describe('A list in the body, for example `json.items`.'),
    value: template.describe('Where the value stands in each `{item.…}`.'),
  }),
]);

/** Sources that ingress has before it knows anybody's secret, and that say whose a request is. */
const contextSources: ReadonlySet<string> = new Set(['header', 'query', 'form-field', 'json', 'item', 'var']);

/** Why a context could not be found in a request; undefined where it can. */
function contextFault(place: z.infer<typeof contextPlace>): string | undefined {
  const text = typeof place === 'string' ? place : place.value;
  const parsed = parseTemplate(text);
  const parts = parsed.kind === 'fault' ? [] : parsed.template.parts;
  const sources = parts.flatMap((part) => ('source' in part ? [part.source] : []));
  if (sources.length === 0) return `got "${text}", which is the same for every request`;
  const wrong = sources.find(({ from }) => !contextSources.has(from));
  if (wrong !== undefined) return `got "${text}", expected parts of headers, query and body, or variables`;
  return sources.some(({ from }) => from === 'item') === (typeof place === 'string')
    ? `got "${text}", expected {item.…} within \`items\`, and there only`
    : undefined;
}

const variable = z.strictObject({
  from: template,
  split: z.string().min(1).optional(),
  prefix: z.string().min(1).optional().describe('The first part with this beginning is taken, without it.'),
});

export const definitionSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'expected lower-case letters, digits and hyphens'),
  title: z.string().min(1),
  docs: z.url().describe('Where the provider documents its webhooks.'),
  secrets: z
    .record(identifier, z.string().min(1))
    .describe('Secrets an account carries, each with a line that tells its owner where to find it.'),
  webhook: z.strictObject({
    decode: z
      .union([decode, z.record(z.string().includes('/'), decode)])
      .describe(
        'How the body is read; by media type where the provider sends several. `multipart` (multipart/form-data) gives fields as text, and of a file its `filename`, `content_type` and `size`, not its bytes.',
      ),
    vars: z.record(identifier, variable).default({}).describe('Parts of the request under a name: `{var.name}`.'),
    verify: verifyNodes,
    reply,
    nonce: nonce.optional(),
    handshakes: z.array(handshake).default([]),
    decrypt: encrypted.optional(),
    delivery_id: z
      .union([z.literal('none'), template, z.array(template).min(1)])
      .optional()
      .describe(
        'What names one delivery and stays the same when the provider repeats it; default: a digest of the body. A list where requests have several forms: the first that a request has. `none` where even two equal bodies are two deliveries.',
      ),
  }),
  routing: z
    .strictObject({
      context_lookup_field: z
        .string()
        .min(1)
        .describe('JSONata over the request: the value, or values, that name whose request it is.'),
      account_context: identifier.describe("Key of an account's context that holds its value, or its values."),
      secrets: z
        .enum(['app', 'account'])
        .default('app')
        .describe(
          "Whose secrets verify the requests of that URL: `app` where the provider has one for the vendor's app (they are set for the integration), `account` where each customer has its own (the accounts hold them, and a request is verified with those of the accounts that it names).",
        ),
      context: z
        .union([contextPlace, z.array(contextPlace).min(1).max(8)])
        .optional()
        .describe(
          'With `secrets: account`: where that value stands, as a template, since ingress reads it before it verifies. A list where requests have several forms; `items` and `value` where a body holds several, all of which must be of one account.',
        ),
    })
    .superRefine(({ secrets, context: places }, context) => {
      if ((secrets === 'account') !== (places !== undefined))
        context.addIssue({
          code: 'custom',
          path: places === undefined ? ['secrets'] : ['context'],
          message:
            places === undefined
              ? 'got `account` without `context`, expected where a request names its account, for example context: "{json.company_id}"'
              : 'got `context` without `secrets: account`, expected both or neither',
        });
      for (const fault of [places ?? []].flat().flatMap((place) => contextFault(place) ?? []))
        context.addIssue({ code: 'custom', path: ['context'], message: fault });
    })
    .optional()
    .describe('For the one URL that serves all accounts of the integration: how a request finds its accounts.'),
  mapping: z.string().min(1).describe('JSONata from request to events: inline, or the name of a .jsonata file.'),
});

/** A definition as its author wrote it, validated, with the mapping's text in place. */
export type Definition = z.infer<typeof definitionSchema>;
