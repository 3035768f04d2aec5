import { callMethods } from '../../engine/definition/calls-of.ts';
import { capturedSecrets } from '../../engine/definition/checks-within.ts';
import { callOf } from '../../engine/definition/plan-answer.ts';
import { recordTraitsOf } from '../../engine/definition/record-traits.ts';
import type { Definition } from '../../engine/definition/schema.ts';
import { combinedDescription, combinedType } from '../../engine/event/canonical-event.ts';
import { operationalTypes } from '../../engine/event/operational-types.ts';
import type { ResourceSchema } from '../../engine/mapping/check-resource.ts';
import { windowMsOf } from '../../engine/provider/budget/limit-window.ts';
import { membersOf } from '../../engine/provider/credentials/credential-values.ts';
import type { CredentialKind } from '../../engine/provider/language/credentials-schema.ts';
import { filtersOf } from '../../engine/provider/request/call-reads.ts';
import { jobOf, type SyncJob } from '../../engine/sync/sync-job.ts';

/** The catalogue entry of an integration: everything that a form, or a person, needs to connect an account. */
export function describeIntegration(definition: Definition, schemas: ReadonlyMap<string, ResourceSchema>) {
  return {
    name: definition.name,
    title: definition.title,
    docs: definition.docs ?? null,
    secrets: { ...definition.secrets },
    serves_all_accounts: definition.routing !== undefined,
    captured_secrets: [...capturedSecrets(definition)],
    webhook: definition.webhook !== undefined,
    context: contextOf(definition),
    credentials: credentialsOf(definition),
    resources: Object.keys(definition.resources ?? {}).map((resource) => resourceOf(definition, resource, schemas)),
    syncs: Object.entries(definition.syncs ?? {}).map(([id, declared]) => syncOf(definition, id, jobOf(declared))),
    limits: (definition.api?.limits ?? []).map((limit) => {
      const windowMs = windowMsOf(limit);
      return {
        name: limit.name,
        kind:
          limit.concurrent !== undefined
            ? ('concurrent' as const)
            : limit.bucket !== undefined
              ? ('bucket' as const)
              : ('calls' as const),
        maximum: limit.calls ?? limit.concurrent ?? limit.bucket ?? 0,
        per_seconds: windowMs === undefined ? null : windowMs / 1000,
        scope: limit.scope,
      };
    }),
  };
}

function contextOf({ context = {} }: Definition) {
  return Object.entries(context).map(([name, said]) => {
    const { help, optional, default: usual, pattern, list } = typeof said === 'string' ? { help: said } : said;
    return {
      name,
      help,
      required: optional !== true && usual === undefined,
      list: list === true,
      default: usual ?? null,
      pattern: pattern ?? null,
    };
  });
}

function credentialsOf({ api }: Definition) {
  if (api === undefined) return [];
  const kinds = (Object.keys(api.credentials) as CredentialKind[]).filter(
    (kind) => api.credentials[kind] !== undefined,
  );
  return kinds.map((type) => {
    const spec = api.credentials[type];
    return {
      type,
      connect: type === 'oauth2',
      scopes: spec !== undefined && 'scopes' in spec ? [...spec.scopes] : [],
      members: membersOf(api.credentials, type).map(({ name, help, isOptional, default: usual }) => ({
        name,
        help,
        required: !isOptional,
        default: usual ?? null,
      })),
    };
  });
}

function resourceOf(definition: Definition, resource: string, schemas: ReadonlyMap<string, ResourceSchema>) {
  const list = callOf(definition, resource, 'list');
  return {
    resource,
    methods: callMethods.filter((method) => callOf(definition, resource, method) !== undefined),
    filters: list === undefined ? [] : [...filtersOf(list.spec)],
    state:
      recordTraitsOf(definition, resource, schemas.get(resource)) === undefined
        ? ('none' as const)
        : ('record' as const),
    unfetchable: definition.resources?.[resource]?.unfetchable ?? null,
  };
}

function syncOf(definition: Definition, id: string, job: SyncJob) {
  const { every, between, cron, time_zone: zone, reconcile, emit, snapshot } = job;
  return {
    id,
    resources: job.resources.map(({ resource, query, depends_on: parent, each, by }) => {
      const hasChanges = callOf(definition, resource, 'changes') !== undefined;
      return {
        resource,
        by: by ?? (hasChanges && parent === undefined ? ('changes' as const) : ('list' as const)),
        query: { ...query },
        depends_on: parent ?? null,
        each: each === undefined ? null : { ...each },
      };
    }),
    every: cron === undefined ? (every ?? '5m') : null,
    between: between ?? null,
    cron: cron ?? null,
    time_zone: zone ?? 'UTC',
    reconcile: reconcile ?? null,
    emit,
    snapshot,
  };
}

/** All event types, sorted by name. */
export const eventTypeCatalogue = [
  { type: 'record:created', kind: 'record', description: 'A record is new.' },
  { type: 'record:updated', kind: 'record', description: 'A record has changed.' },
  { type: 'record:deleted', kind: 'record', description: 'A record is gone.' },
  { type: combinedType, kind: 'record', description: combinedDescription },
  ...Object.entries(operationalTypes).map(([type, description]) => ({
    type,
    kind: 'operational' as const,
    description,
  })),
].sort((one, other) => (one.type < other.type ? -1 : 1)) as readonly {
  readonly type: string;
  readonly kind: 'record' | 'operational';
  readonly description: string;
}[];
