import { capturedSecrets } from '../../engine/definition/checks-within.ts';
import type { Definition } from '../../engine/definition/schema.ts';
import { operationalTypes } from '../../engine/event/operational-types.ts';

/** The catalogue entry of an integration: what an account needs. */
export function describeIntegration(definition: Definition) {
  return {
    name: definition.name,
    title: definition.title,
    docs: definition.docs ?? null,
    secrets: { ...definition.secrets },
    serves_all_accounts: definition.routing !== undefined,
    captured_secrets: [...capturedSecrets(definition)],
  };
}

/** All event types, sorted by name. */
export const eventTypeCatalogue = [
  { type: 'record:created', kind: 'record', description: 'A record is new.' },
  { type: 'record:updated', kind: 'record', description: 'A record has changed.' },
  { type: 'record:deleted', kind: 'record', description: 'A record is gone.' },
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
