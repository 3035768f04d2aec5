import { useState } from 'preact/hooks';
import type { Scope } from '../../../lambdas/engine/access/scopes.ts';
import { type Body, call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { isOperator, tenant } from '../../session.ts';
import { ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { TenantField } from '../../ui/tenant-field.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { ScopeFields } from './scope-fields.tsx';
import type { SessionNews } from './session-news.ts';

interface CreateSessionProps {
  readonly onDone: (news: SessionNews) => void;
  readonly onClose: () => void;
}

interface Draft {
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  readonly returnUrl: string;
  readonly refreshUrl: string;
  readonly seconds: string;
  /** One on each line. */
  readonly origins: string;
}

/** What a partner may get to see and do. */
const partnerScopes: readonly Scope[] = [
  'events:read',
  'subscriptions:read',
  'subscriptions:write',
  'accounts:read',
  'accounts:write',
  'stats:read',
  'records:read',
];

const lifetimes = { '300': '5 minutes', '900': '15 minutes', '1800': '30 minutes', '3600': '1 hour' } as const;

function bodyOf(draft: Draft): Body<'POST /v1/portal-sessions'> {
  const origins = draft.origins
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return {
    scopes: [...draft.scopes],
    return_url: draft.returnUrl.trim(),
    ttl_seconds: Number(draft.seconds),
    ...(isOperator.value ? { tenant: draft.tenant.trim() } : {}),
    ...(draft.refreshUrl.trim() === '' ? {} : { refresh_url: draft.refreshUrl.trim() }),
    ...(origins.length === 0 ? {} : { origins }),
  };
}

interface LinkFieldsProps {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  readonly faults: (path: string) => readonly string[];
}

/** How long the session lasts, and where it leads. */
function LinkFields({ draft, change, faults }: LinkFieldsProps) {
  return (
    <>
      <ChoiceField
        label="Lasts"
        value={draft.seconds}
        choices={lifetimes}
        onChange={(seconds) => change({ seconds })}
        hint="From now on, also if the link is opened later."
        faults={faults('ttl_seconds')}
      />
      <TextField
        label="Back leads to"
        type="url"
        value={draft.returnUrl}
        onChange={(returnUrl) => change({ returnUrl })}
        isRequired
        placeholder="https://app.example.com/settings"
        hint="The page of your application from which the partner comes."
        faults={faults('return_url')}
      />
      <TextField
        label="A new link comes from (optional)"
        type="url"
        value={draft.refreshUrl}
        onChange={(refreshUrl) => change({ refreshUrl })}
        placeholder="https://app.example.com/portal-link"
        hint="Where the partner gets a new link when this one, or its session, has ended."
        faults={faults('refresh_url')}
      />
      <TextField
        label="Pages that show it in a frame (optional)"
        value={draft.origins}
        onChange={(origins) => change({ origins })}
        lines={2}
        placeholder="https://app.example.com"
        hint="Their origins, one on each line."
        faults={faults('origins')}
      />
    </>
  );
}

/** Creates a link for a partner. */
export function CreateSession({ onDone, onClose }: CreateSessionProps) {
  const [draft, setDraft] = useState<Draft>({
    tenant: tenant.value ?? '',
    scopes: ['events:read', 'subscriptions:read'],
    returnUrl: '',
    refreshUrl: '',
    seconds: '3600',
    origins: '',
  });
  const create = useAction(async (idempotencyKey, authorization: string) => {
    const body = bodyOf(draft);
    const { url, tenant: owner } = await call('POST /v1/portal-sessions', { body, idempotencyKey, authorization });
    onDone({ kind: 'link', tenant: owner, url });
    await forget('GET /v1/portal-sessions');
  });
  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }));
  const faults = (path: string) => faultsAt(create.problem, path);
  return (
    <KeyDialog
      title="Create a link for a partner"
      verb="Create"
      isRunning={create.isRunning}
      problem={create.problem}
      members={['tenant', 'scopes', 'ttl_seconds', 'return_url', 'refresh_url', 'origins']}
      onRun={(authorization) => void create.run(authorization)}
      onClose={onClose}
    >
      <TenantField
        value={draft.tenant}
        onChange={(owner) => change({ tenant: owner })}
        isRequired
        hint="The partner sees only this tenant."
        faults={faults('tenant')}
      />
      <ScopeFields
        chosen={draft.scopes}
        onChange={(scopes) => change({ scopes })}
        faults={faults('scopes')}
        names={partnerScopes}
      />
      <LinkFields draft={draft} change={change} faults={faults} />
    </KeyDialog>
  );
}
