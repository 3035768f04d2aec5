import { useState } from 'preact/hooks';
import type { Scope } from '../../../lambdas/engine/access/scopes.ts';
import { type Body, call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { isOperator, tenant } from '../../session.ts';
import { CheckField, faultsAt, TextField } from '../../ui/field.tsx';
import { TenantField } from '../../ui/tenant-field.tsx';
import { TimeField } from '../../ui/time-field.tsx';
import { KeyDialog } from './key-dialog.tsx';
import type { KeyNews } from './key-news.ts';
import { ScopeFields } from './scope-fields.tsx';

interface CreateKeyProps {
  readonly onDone: (news: KeyNews) => void;
  readonly onClose: () => void;
}

interface Draft {
  readonly name: string;
  readonly tenant: string;
  readonly isForAll: boolean;
  readonly scopes: readonly Scope[];
  /** ISO 8601; empty for none. */
  readonly expiresAt: string;
  readonly rate: string;
}

function bodyOf({ name, tenant: owner, isForAll, scopes, expiresAt, rate }: Draft): Body<'POST /v1/keys'> {
  return {
    scopes: [...scopes],
    ...(name.trim() === '' ? {} : { name: name.trim() }),
    ...(isOperator.value ? { tenant: isForAll ? null : owner.trim() } : {}),
    ...(expiresAt === '' ? {} : { expires_at: expiresAt }),
    ...(rate === '' ? {} : { rate_per_minute: Number(rate) }),
  };
}

interface BoundsProps {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  readonly faults: (path: string) => readonly string[];
}

function Bounds({ draft, change, faults }: BoundsProps) {
  return (
    <>
      <TimeField
        label="Ends (optional)"
        value={draft.expiresAt}
        onChange={(expiresAt) => change({ expiresAt })}
        hint="Without it, the key ends with yours, if yours ends."
        faults={faults('expires_at')}
      />
      <TextField
        label="Calls a minute (optional)"
        type="number"
        value={draft.rate}
        onChange={(rate) => change({ rate })}
        hint="Without it, as many as your key may make."
        faults={faults('rate_per_minute')}
      />
    </>
  );
}

/** Creates a key that has no more than the caller's. */
export function CreateKey({ onDone, onClose }: CreateKeyProps) {
  const [draft, setDraft] = useState<Draft>({
    name: '',
    tenant: tenant.value ?? '',
    isForAll: false,
    scopes: ['events:read'],
    expiresAt: '',
    rate: '',
  });
  const create = useAction(async (idempotencyKey, authorization: string) => {
    const { key, name } = await call('POST /v1/keys', { body: bodyOf(draft), idempotencyKey, authorization });
    onDone({ kind: 'secret', title: `The key ${name} has been created`, text: key });
    await forget('GET /v1/keys');
  });
  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }));
  const faults = (path: string) => faultsAt(create.problem, path);
  return (
    <KeyDialog
      title="Create an API key"
      verb="Create"
      isRunning={create.isRunning}
      problem={create.problem}
      members={['name', 'tenant', 'scopes', 'expires_at', 'rate_per_minute']}
      onRun={(authorization) => void create.run(authorization)}
      onClose={onClose}
    >
      <TextField
        label="Name"
        value={draft.name}
        onChange={(name) => change({ name })}
        isRequired
        hint="For people, such as the application that uses it."
        faults={faults('name')}
      />
      {isOperator.value ? (
        <CheckField
          label="For all tenants"
          hint="Such a key sees and changes everything that its scopes allow."
          isChecked={draft.isForAll}
          onChange={(isForAll) => change({ isForAll })}
        />
      ) : null}
      {draft.isForAll ? null : (
        <TenantField
          value={draft.tenant}
          onChange={(owner) => change({ tenant: owner })}
          isRequired
          hint="The key reaches only this tenant's data."
          faults={faults('tenant')}
        />
      )}
      <ScopeFields chosen={draft.scopes} onChange={(scopes) => change({ scopes })} faults={faults('scopes')} />
      <Bounds draft={draft} change={change} faults={faults} />
    </KeyDialog>
  );
}
