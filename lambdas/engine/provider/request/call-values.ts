/** What calls may read, with what each gives. */
export const callSources = {
  context: "`{context.<name>}`: a value of the account's context",
  credential: "`{credential.<member>}`: a member of the account's credentials",
  client: "`{client.client_id}`, `{client.client_secret}`: the vendor's OAuth client",
  id: '`{id}`: the id of the record that is read',
  ids: '`{ids}`: the ids of the records that are read together',
  address: '`{address.<name>}`: what a record needs besides its id, as `address` or `method_config` gives it',
  filter:
    '`{filter.<name>}`, `{filter.<name>.<operator>}`: a filter of a listing; the operators are `eq`, `gt`, `gte`, `lt` and `lte`',
  since: '`{since}`: the start of the time for which changes are read, ISO 8601',
  until: '`{until}`: its end',
  cursor: '`{cursor}`: where a feed of changes goes on: a token, or the last id',
  page: '`{page.number}`, `{page.offset}`, `{page.size}`, `{page.cursor}`, `{page.last}`: where a listing goes on',
  where: '`{where}`: the conditions of `where`, joined',
  value: '`{value}`: within `where`: the value of the filter',
  body: '`{body}`, `{body.<path>}`: the record that is written',
  token: '`{token.<name>}`: within `capture`: a member of the answer that brought the token',
  query: '`{query.<name>}`: within `capture`: a parameter with which the provider led the owner back',
  jwt: '`{jwt}`: the signed assertion, where a token is requested with one',
} as const;

export type CallSource = keyof typeof callSources;

/** By source. Members that have no value are undefined or absent. */
export type CallValues = { readonly [Source in CallSource]?: unknown };
