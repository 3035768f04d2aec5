import { z } from 'zod';
import { plainCall } from './call-schema.ts';
import { answerExpression, callTemplate, duration, headerName } from './words.ts';

/** What a member is for its owner: a line of help, or more about it. */
const member = z.union([
  z.string().min(1),
  z.strictObject({
    help: z.string().min(1),
    optional: z.boolean().default(false),
    default: z.string().optional().describe('Its value where the account brings none.'),
  }),
]);

const sent = z
  .strictObject({
    headers: z.record(headerName, callTemplate).optional(),
    query: z.record(z.string(), callTemplate).optional(),
  })
  .describe('How calls carry the credentials, where it differs from the usual.');

const token = z
  .strictObject({
    access: answerExpression.default('access_token'),
    refresh: answerExpression.default('refresh_token'),
    expires: answerExpression.default('expires_in'),
    as: z
      .enum(['seconds', 'iso', 'epoch_s', 'epoch_ms'])
      .default('seconds')
      .describe('How the answer writes the expiry: seconds from now, or a time.'),
    kept: z
      .record(z.string().regex(/^[a-z][a-z0-9_]*$/), answerExpression)
      .optional()
      .describe('Further members of the answer to keep as `{credential.<name>}`.'),
  })
  .prefault({})
  .describe('Where the answer of the token endpoint has the token.');

const tokenMembers = {
  token,
  default_expiry: duration
    .optional()
    .describe('Life of a token where the answer does not tell it. Default: it is used until the provider refuses it.'),
  dead: answerExpression
    .default('error in ["invalid_grant", "invalid_refresh_token", "bad_refresh_token"]')
    .describe('True where the answer of the token endpoint, whatever its status, says that the grant has ended.'),
  capture: z
    .record(z.string().regex(/^[a-z][a-z0-9_]*$/), callTemplate)
    .optional()
    .describe('Values of the context that the token answer `{token.<name>}` or the redirect `{query.<name>}` brings.'),
};

const tokenFormat = z.enum(['form', 'json']).default('form').describe('How requests for a token are written.');

const clientAuth = z
  .enum(['basic', 'body'])
  .default('body')
  .describe('How the token endpoint gets the client id and secret.');

const oauth2 = z.strictObject({
  authorize_url: callTemplate.describe('Where the owner of the account consents.'),
  token_url: callTemplate,
  scopes: z.array(z.string().min(1)).default([]),
  scope_separator: z.string().default(' '),
  scope_parameter: z.string().default('scope'),
  pkce: z.boolean().default(true),
  params: z.record(z.string(), callTemplate).optional().describe('More parameters of `authorize_url`.'),
  token_params: z.record(z.string(), callTemplate).optional().describe('More parameters of requests for a token.'),
  client_auth: clientAuth,
  token_format: tokenFormat,
  regions: z
    .record(z.string(), z.strictObject({ authorize_url: callTemplate.optional(), token_url: callTemplate.optional() }))
    .optional()
    .describe('Other URLs by the value of the context `region`.'),
  refresh: z
    .enum(['rotating', 'single-use', 'keep', 'none'])
    .default('rotating')
    .describe(
      '`rotating`: the answer may bring another refresh token, and the former may work on. `single-use`: each works once. `keep`: it stays. `none`: tokens do not expire.',
    ),
  grace: duration.optional().describe('How long a used refresh token may be tried again after a lost answer.'),
  idle: duration.optional().describe('The life of a refresh token that is not used: it is refreshed before.'),
  discover: z
    .strictObject({
      call: plainCall,
      records: answerExpression.describe('What the account may connect to.'),
      choose: z.enum(['one', 'first']).default('one').describe('`one`: several are a fault that names them.'),
      label: answerExpression.optional(),
      capture: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/), answerExpression),
    })
    .optional()
    .describe('A call after the consent that tells which tenant of the provider it is for.'),
  sent: sent.optional(),
  ...tokenMembers,
});

const clientCredentials = z.strictObject({
  client_id: member,
  client_secret: member,
  token_url: callTemplate,
  scopes: z.array(z.string().min(1)).default([]),
  scope_separator: z.string().default(' '),
  client_auth: clientAuth,
  token_format: tokenFormat,
  token_params: z.record(z.string(), callTemplate).optional(),
  sent: sent.optional(),
  ...tokenMembers,
});

const jwtBearer = z.strictObject({
  client_id: member,
  private_key: member,
  subject: member.optional(),
  token_url: callTemplate,
  grant: z
    .enum(['jwt-bearer', 'client-assertion', 'bearer-header'])
    .default('jwt-bearer')
    .describe(
      'How the assertion is sent: as the grant (RFC 7523), as the authentication of the client with `client_credentials`, or as `Authorization: Bearer`.',
    ),
  jwt: z
    .strictObject({
      algorithm: z.enum(['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA']).default('RS256'),
      key_id: callTemplate.optional(),
      issuer: callTemplate.default('{credential.client_id}'),
      subject: callTemplate.optional(),
      audience: callTemplate.optional(),
      lifetime: duration.default('5m'),
      claims: z.record(z.string(), callTemplate).optional(),
    })
    .prefault({}),
  scopes: z.array(z.string().min(1)).default([]),
  scope_separator: z.string().default(' '),
  token_params: z.record(z.string(), callTemplate).optional(),
  sent: sent.optional(),
  ...tokenMembers,
});

/** The kinds of credentials that an account may bring. */
export const credentials = z
  .strictObject({
    api_key: z.strictObject({ key: member, sent }).optional(),
    basic: z.strictObject({ username: member, password: member, sent: sent.optional() }).optional(),
    bearer: z.strictObject({ token: member, sent: sent.optional() }).optional(),
    oauth2: oauth2.optional(),
    oauth2_client_credentials: clientCredentials.optional(),
    oauth2_jwt_bearer: jwtBearer.optional(),
    oauth1: z
      .strictObject({
        consumer_key: member,
        consumer_secret: member,
        token: member,
        token_secret: member,
        realm: callTemplate.optional(),
      })
      .optional()
      .describe('OAuth 1.0a with HMAC-SHA256, signed anew for each try.'),
    session: z
      .strictObject({ username: member, password: member, request: plainCall, sent: sent.optional(), ...tokenMembers })
      .optional()
      .describe('A login that brings a token for some time.'),
    aws_sigv4: z
      .strictObject({ access_key_id: member, secret_access_key: member, region: member, service: z.string().min(1) })
      .optional(),
  })
  .refine(
    (kinds) => Object.values(kinds).some((kind) => kind !== undefined),
    'expected at least one kind of credentials, such as api_key, basic, bearer or oauth2',
  )
  .describe('The kinds of credentials that an account may bring, with a line of help for each member.');

export type CredentialsSpec = z.infer<typeof credentials>;
export type CredentialKind = keyof CredentialsSpec;
export type MemberSpec = z.infer<typeof member>;
export type OAuth2Spec = z.infer<typeof oauth2>;
export type JwtBearerSpec = z.infer<typeof jwtBearer>;
export type TokenSpec = z.infer<typeof token>;
