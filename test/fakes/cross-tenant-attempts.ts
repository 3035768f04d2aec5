import { openApiDocument } from '../../lambdas/engine/api/open-api.ts';
import type { OperationShape } from '../../lambdas/engine/api/operation.ts';
import { type OperationId, operations } from '../../lambdas/engine/api/operations.ts';

/** A tenant's objects: an id of each kind. Ids that an owner may choose contain the tenant's name. */
export interface TenantThings {
  readonly tenant: string;
  readonly account: string;
  /** The subscription that has the deliveries and replays; `otherSubscriptions` holds others, such as ordered ones. */
  readonly subscription: string;
  readonly otherSubscriptions: readonly string[];
  /** Ids of deleted subscriptions of the tenant. */
  readonly removedSubscriptions: readonly string[];
  readonly event: string;
  readonly deliveries: readonly string[];
  readonly replay: string;
  /** A sync of the account, and a run of it. */
  readonly sync: string;
  readonly run: string;
  readonly consumer: string;
  readonly lease: string;
  readonly key: string;
  /** A portal session. */
  readonly session: string;
  readonly integration: string;
  /** Context of an account of the tenant, for the URL that serves all accounts. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Cursors that the tenant's lists and its feed returned. */
  readonly cursors: readonly string[];
  readonly feedCursor: string;
}

/** A call by one tenant that names an object of the other. */
export interface Attempt {
  readonly operation: OperationId;
  /** The named object, and how the call names it. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  /** Correct statuses. */
  readonly expected: readonly number[];
  /** Path of the same call about a missing object, which must have the same answer. */
  readonly twin?: string;
}

/** Makes a delivery's id from the ids of its subscription and event. */
export type MakeDeliveryId = (subscription: string, event: string) => string;

/** Operations that name no object of a tenant. All others belong in the tables below. */
export const namesNothing: readonly OperationId[] = ['getSchema', 'getHealth', 'getOpenApi', 'getAsyncApi'];

const ids = Object.keys(operations) as OperationId[];
const refusals = [400, 404, 409, 422];
const success = [200, 201, 202, 204];
const nothing = 'nothing';

/** Members of queries and bodies that name no object of a tenant; `valuesOfMember` handles all others. */
const harmless = new Set(
  [
    'limit types resources integration integrations origin origins since until wait schema state operation before major',
    'url destination record_id ordering rate_per_second concurrency retry disable_after_seconds signatures auth headers client_certificate',
    'timeout_seconds filter fields include_previous encrypt batch transform envelope schema_versions secrets credentials capture',
    'scopes expires_at rate_per_minute overlap_seconds grant_type scope expires_in mode dry_run catch_up simulate type',
    'resource ttl_seconds release retention canary delivery shadow_url client_secret client shared_contexts description metadata',
    'base_url share syncs return_url updated_since body address refresh_url origins status attempt allowed_ranges correlation_id',
    'integration_name every between cron time_zone emit reconcile snapshot max_missing confirm',
  ].flatMap((names) => names.split(' ')),
);

/** Values of a path parameter that name a tenant's objects, by the path that the parameter ends. */
function valuesOfParameter(place: string, things: TenantThings): readonly string[] {
  switch (place) {
    case '/v1/accounts/{id}':
      return [things.account];
    case '/v1/subscriptions/{id}':
      return [things.subscription, ...things.otherSubscriptions, ...things.removedSubscriptions];
    case '/v1/subscriptions/{id}/replays/{replay}':
      return [things.replay];
    case '/v1/accounts/{id}/syncs/{sync}':
      return [things.sync];
    case '/v1/accounts/{id}/syncs/{sync}/runs/{run}':
      return [things.run];
    case '/v1/deliveries/{id}':
      return things.deliveries;
    case '/v1/events/{id}':
      return [things.event];
    case '/v1/consumers/{name}':
      return [things.consumer];
    case '/v1/portal-sessions/{id}':
      return [things.session];
    case '/v1/keys/{id}':
      return [things.key];
    case '/v1/tenants/{id}':
      return [things.tenant];
    case '/v1/accounts/{id}/states/{model}':
    case '/v1/accounts/{id}/records/{model}':
      return ['hris'];
    case '/v1/accounts/{id}/states/{model}/{plural}':
    case '/v1/accounts/{id}/records/{model}/{plural}':
      return ['employees'];
    case '/v1/accounts/{id}/states/{model}/{plural}/{record_id}':
    case '/v1/accounts/{id}/records/{model}/{plural}/{record_id}':
      return ['1'];
    case '/v1/accounts/{id}/proxy/{path}':
      return ['employees'];
    case '/v1/integrations/{integration}':
    case '/v1/integrations/{integration}/canary':
    case '/v1/schemas/{model}':
    case '/v1/schemas/{model}/{plural}':
      return [];
    default:
      throw new Error(`the last parameter of ${place} is unknown: add it to valuesOfParameter in ${import.meta.url}`);
  }
}

/** Values of a query or body member that name a tenant's objects; empty if the member names none. */
function valuesOfMember(id: OperationId, member: string, things: TenantThings): readonly unknown[] {
  const subscriptions = [things.subscription, ...things.otherSubscriptions, ...things.removedSubscriptions];
  if (harmless.has(member)) return [];
  switch (member) {
    case 'tenant':
      return [things.tenant];
    case 'id':
      if (id === 'createSync') return [things.sync];
      return id === 'createAccount' ? [things.account] : subscriptions;
    case 'name':
      return id === 'createConsumer' ? [things.consumer] : [];
    case 'account':
      return [things.account];
    case 'accounts':
      return [[things.account]];
    case 'context':
      return [things.context];
    case 'subscription':
      return subscriptions;
    case 'event':
      return [things.event];
    case 'lease':
      return [things.lease];
    case 'cursor':
      return [...things.cursors, things.feedCursor, ...forgedCursors(things)];
    case 'key':
    case 'client_id':
      return [things.key];
    case 'object':
      return [`subscriptions/${things.subscription}`, `keys/${things.key}`];
    default:
      throw new Error(
        `the member "${member}" of ${id} is unknown: add it to valuesOfMember or harmless in ${import.meta.url}`,
      );
  }
}

/** Cursors forged from positions without a key. */
function forgedCursors({ tenant, account, subscription, consumer, key }: TenantThings): readonly string[] {
  const exported = JSON.stringify(['deliveries', `${subscription} `]);
  const positions = [
    { after: account },
    { after: key },
    { after: consumer },
    { after: exported },
    { tenant, sequence: 1 },
    { sequence: 1 },
    ['deliveries', `${subscription} `],
  ];
  return positions.flatMap((position) => {
    const text = Buffer.from(JSON.stringify(position));
    // Bare, and with a signature of zeros.
    return [text, Buffer.concat([Buffer.from([1]), Buffer.alloc(16), text])].map((bytes) =>
      bytes.toString('base64url'),
    );
  });
}

/** Cursors with a tenant's own signature on another tenant's position, if the positions differ. */
function crossedCursors(own: TenantThings, others: TenantThings): readonly string[] {
  const signatureBytes = 17;
  const crossed = own.cursors.slice(0, 3).flatMap((mine) =>
    others.cursors.slice(0, 3).map((theirs) => {
      const signature = Buffer.from(mine, 'base64url').subarray(0, signatureBytes);
      return Buffer.concat([signature, Buffer.from(theirs, 'base64url').subarray(signatureBytes)]).toString(
        'base64url',
      );
    }),
  );
  return crossed.filter((cursor) => !own.cursors.includes(cursor));
}

/** Valid bodies about a tenant's own objects. */
function rightBodies(id: OperationId, things: TenantThings): readonly Readonly<Record<string, unknown>>[] {
  const url = 'https://app.example.com/hooks';
  switch (id) {
    case 'createAccount':
      return [{ integration: things.integration }];
    case 'createSubscription':
      return [{ url }, { url, ordering: 'record' }];
    case 'createConsumer':
      return [{ name: 'another' }];
    case 'commitConsumer':
      return [{ lease: things.lease, cursor: things.feedCursor }];
    case 'enableSubscription':
      return [{ catch_up: true }];
    case 'redeliverEvent':
      return [{ subscription: things.subscription }];
    case 'startReplay':
      return [{ mode: 'all', dry_run: true }, { mode: 'all' }, { event: things.event }];
    case 'createToken':
      return [{ grant_type: 'client_credentials', client_id: things.key, client_secret: 'secret' }];
    default: {
      const { example }: OperationShape = operations[id];
      return [(example.body ?? {}) as Readonly<Record<string, unknown>>];
    }
  }
}

const document = openApiDocument(operations, 'https://api.example.com') as {
  readonly paths: Record<string, Record<string, { readonly requestBody?: { readonly content: Json } }>>;
  readonly components: { readonly schemas: Json };
};
type Json = Record<string, { readonly schema?: Json; readonly properties?: Json } & Record<string, unknown>>;

/** Names of all members that a body may have, in any of its variants. */
function membersOfBody(id: OperationId): readonly string[] {
  const { path, method }: OperationShape = operations[id];
  const content = document.paths[path]?.[method.toLowerCase()]?.requestBody?.content ?? {};
  const names = new Set<string>();
  const look = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return;
    const { properties = {}, $ref, anyOf = [], oneOf = [], allOf = [] } = schema as Record<string, never>;
    for (const name of Object.keys(properties)) names.add(name);
    for (const one of [...anyOf, ...oneOf, ...allOf]) look(one);
    if (typeof $ref === 'string') look(document.components.schemas[($ref as string).split('/').at(-1) ?? '']);
  };
  look(content['application/json']?.schema);
  return [...names];
}

function membersOfQuery({ query }: OperationShape): readonly string[] {
  return Object.keys((query as { readonly shape?: object } | undefined)?.shape ?? {});
}

/** The parameters of a path, each with the path up to it. */
function parametersOf(path: string): readonly { readonly name: string; readonly place: string }[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(({ 0: { length }, 1: name = '', index }) => ({
    name,
    place: path.slice(0, index + length),
  }));
}

function fill(path: string, values: readonly string[]): string {
  let at = 0;
  return path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(values[at++] ?? nothing));
}

/** All combinations of one item from each list. */
function combinations<T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] {
  return lists.reduce<readonly (readonly T[])[]>(
    (made, list) => made.flatMap((one) => list.map((next) => [...one, next])),
    [[]],
  );
}

/**
 * Every way in which a tenant can name another tenant's objects, for every operation: by path, alone or below one of
 * its own objects; by each member of the query and of the body; by cursor.
 *
 * @param own - Objects of the caller.
 * @param others - Objects of the named tenant.
 * @param all - Objects that serve all tenants, which no tenant may name either.
 */
export function crossTenantAttempts(
  own: TenantThings,
  others: TenantThings,
  all: Partial<TenantThings>,
  makeDeliveryId: MakeDeliveryId,
): readonly Attempt[] {
  const madeUp: TenantThings = {
    ...others,
    deliveries: [
      ...others.deliveries,
      makeDeliveryId(own.subscription, others.event),
      makeDeliveryId(others.subscription, own.event),
      makeDeliveryId(others.subscription, others.event),
    ],
  };
  return ids.flatMap((id) => {
    const shape: OperationShape = operations[id];
    // Public operations are open to every caller: the public keys of a subscription.
    if (shape.access === 'public') return [];
    return [
      ...byPath(id, shape, own, [madeUp, { ...others, deliveries: [], removedSubscriptions: [], ...all }]),
      ...byQuery(id, shape, own, others),
      ...byBody(id, shape, own, others),
    ];
  });
}

function byPath(
  id: OperationId,
  shape: OperationShape,
  own: TenantThings,
  others: readonly TenantThings[],
): readonly Attempt[] {
  const parameters = parametersOf(shape.path);
  const values = parameters.map(({ place }) => {
    const all = valuesOfParameter(place, own);
    const mine = all.slice(0, 1);
    // A resource names nobody's object: only with the other's account before it does a path reach for one.
    const theirs = [...new Set(others.flatMap((things) => valuesOfParameter(place, things)))].filter(
      (value) => !all.includes(value),
    );
    return [...mine.map((value) => ({ value, isOwn: true })), ...theirs.map((value) => ({ value, isOwn: false }))];
  });
  const ofTenant = shape.path.includes('{name}') ? ['', `?tenant=${others[0]?.tenant}`] : [''];
  return combinations(values)
    .filter((chosen) => chosen.some(({ isOwn }) => !isOwn))
    .flatMap((chosen) =>
      ofTenant.flatMap((query) =>
        rightBodies(id, own).map((body): Attempt => {
          const named = chosen.map(({ value }) => value);
          return {
            operation: id,
            name: `path ${named.join(' / ')}${query}`,
            method: shape.method,
            path: `${fill(shape.path, named)}${query}`,
            body: shape.body === undefined ? undefined : body,
            expected: [shape.isForAllTenants === true ? 403 : 404],
            twin: `${fill(
              shape.path,
              chosen.map(({ value, isOwn }) => (isOwn ? value : nothing)),
            )}${query}`,
          };
        }),
      ),
    );
}

/** A request with the caller's own path and body. */
function ownRequest(id: OperationId, shape: OperationShape, own: TenantThings) {
  const path = fill(
    shape.path,
    parametersOf(shape.path).map(({ name, place }) =>
      name === 'integration' ? own.integration : (valuesOfParameter(place, own)[0] ?? nothing),
    ),
  );
  return rightBodies(id, own).map((body) => ({ path, body: shape.body === undefined ? undefined : body }));
}

function byQuery(id: OperationId, shape: OperationShape, own: TenantThings, others: TenantThings): readonly Attempt[] {
  return membersOfQuery(shape).flatMap((member) => {
    const values = valuesOfMember(id, member, others);
    const all = member === 'cursor' ? [...values, ...crossedCursors(own, others)] : values;
    return ownRequest(id, shape, own).flatMap(({ path, body }) =>
      all.map((value): Attempt => {
        const text = String(value);
        const isRefused = member === 'cursor' || member === 'tenant';
        return {
          operation: id,
          name: `query ${member}=${text}`,
          method: shape.method,
          path: `${path}?${member}=${encodeURIComponent(text)}`,
          body,
          expected:
            shape.isForAllTenants === true
              ? [403]
              : member === 'cursor'
                ? [400]
                : isRefused
                  ? [404]
                  : [...refusals, ...success],
        };
      }),
    );
  });
}

function byBody(id: OperationId, shape: OperationShape, own: TenantThings, others: TenantThings): readonly Attempt[] {
  return membersOfBody(id).flatMap((member) =>
    valuesOfMember(id, member, others).flatMap((value) =>
      ownRequest(id, shape, own).map(
        ({ path, body }): Attempt => ({
          operation: id,
          name: `body ${member}=${JSON.stringify(value)} in ${JSON.stringify(body)}`,
          method: shape.method,
          path,
          body: { ...(body as object), [member]: value },
          expected:
            shape.isForAllTenants === true
              ? [403]
              : // A token is asked for with the id of one and the secret of another.
                member === 'client_id'
                ? [401]
                : ['id', 'subscription', 'event', 'cursor'].includes(member)
                  ? refusals
                  : [...refusals, ...success],
        }),
      ),
    ),
  );
}

/** Operations without an attempt. */
export function withoutAttempt(attempts: readonly Attempt[]): readonly OperationId[] {
  const tried = new Set(attempts.map(({ operation }) => operation));
  return ids.filter((id) => !tried.has(id) && (operations[id] as OperationShape).access !== 'public');
}

/** Every list of the API, for a tenant's own objects, with one entry per page. */
export function listsOf(own: TenantThings): readonly string[] {
  return ids.flatMap((id) => {
    const shape: OperationShape = operations[id];
    if (shape.isForAllTenants === true || !membersOfQuery(shape).includes('cursor')) return [];
    return ownRequest(id, shape, own).map(({ path }) => `${path}?limit=1`);
  });
}

/** Every text in a call, and the audit object of its path: an answer may repeat them. */
export function textsOf({ path, body }: Pick<Attempt, 'path' | 'body'>): readonly string[] {
  const [, object = ''] = /^\/v1\/([^/?]+\/[^/?]+)/.exec(path) ?? [];
  const texts: string[] = [object, ...path.split(/[/?&=]/).map(decodeURIComponent)];
  const look = (value: unknown): void => {
    if (typeof value === 'string') texts.push(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(look);
  };
  look(body);
  return texts.filter((text) => text.length > 4);
}

/**
 * Texts of another tenant in an answer, apart from texts that the caller sent.
 *
 * @param marks - Texts that identify the other tenant's objects: its name, ids and secrets.
 */
export function leaksIn(text: string, said: ReadonlySet<string>, marks: readonly string[]): readonly string[] {
  const present = marks.filter((mark) => text.includes(mark));
  if (present.length === 0) return [];
  const rest = [...said].sort((a, b) => b.length - a.length).reduce((left, one) => left.replaceAll(one, ''), text);
  return present.filter((mark) => rest.includes(mark));
}
