import { useState } from 'preact/hooks';
import { call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { isOperator, tenant } from '../../session.ts';
import { faultsAt, TextField } from '../../ui/field.tsx';
import { FormProblem } from '../../ui/other-faults.tsx';
import { TenantField } from '../../ui/tenant-field.tsx';
import { AccountCreated } from './account-created.tsx';
import { type AccountDraft, accountBody, isConsent, newDraft, objectOf } from './account-draft.ts';
import { ContextFields, CredentialFields, SecretFields } from './account-fields.tsx';
import { AccountOptions } from './account-options.tsx';
import type { Account, Integration } from './account-status.tsx';

/** Paths of the body whose faults stand beside fields. */
function shownPaths({ secrets, credentials }: Integration, { kind }: AccountDraft): readonly string[] {
  const members = credentials.find(({ type }) => type === kind)?.members ?? [];
  return [
    'id',
    'name',
    'tenant',
    'context',
    'base_url',
    'share',
    'allowed_ranges',
    'metadata',
    'credentials.type',
    ...Object.keys(secrets).map((name) => `secrets.${name}`),
    ...members.map(({ name }) => `credentials.${name}`),
  ];
}

interface FormPartProps {
  readonly draft: AccountDraft;
  readonly change: (part: Partial<AccountDraft>) => void;
  readonly faults: (path: string) => readonly string[];
}

function Identity({ draft, change, faults }: FormPartProps) {
  return (
    <fieldset>
      <legend>The account</legend>
      <TenantField
        value={draft.tenant}
        onChange={(text) => change({ tenant: text })}
        isRequired
        hint="Whose account it is. A tenant exists from its first account on."
        faults={faults('tenant')}
      />
      <TextField
        label="Name (optional)"
        value={draft.name}
        onChange={(text) => change({ name: text })}
        hint="For people, such as the name of the customer."
        faults={faults('name')}
      />
      <TextField
        label="Id (optional)"
        value={draft.id}
        onChange={(text) => change({ id: text })}
        placeholder="acc_…"
        hint="It is part of the webhook URL and of each event. It cannot be changed later. Without it, one is made."
        faults={faults('id')}
      />
    </fieldset>
  );
}

interface DraftFormProps {
  readonly integration: Integration;
  /** @param wantsConsent - Whether the owner of the account still has to consent. */
  readonly onCreated: (account: Account, wantsConsent: boolean) => void;
}

function DraftForm({ integration, onCreated }: DraftFormProps) {
  const [draft, setDraft] = useState(() => newDraft(integration, tenant.value ?? ''));
  const create = useAction(async (idempotencyKey) => {
    const body = accountBody(integration, draft, isOperator.value);
    const account = await call('POST /v1/accounts', { body, idempotencyKey });
    onCreated(account, isConsent(integration, draft.kind, draft.members));
    await forget('GET /v1/accounts', 'GET /v1/syncs', 'GET /v1/tenants');
  });
  const change = (part: Partial<AccountDraft>) => setDraft((before) => ({ ...before, ...part }));
  const faults = (path: string) => faultsAt(create.problem, path);
  const { problem, isRunning } = create;
  return (
    <form
      class="form account-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (objectOf(draft.moreContext) !== undefined) void create.run();
      }}
    >
      <Identity draft={draft} change={change} faults={faults} />
      <ContextFields
        integration={integration}
        typed={draft.context}
        others={draft.moreContext}
        onType={(context) => change({ context })}
        onOthers={(moreContext) => change({ moreContext })}
        problem={problem}
      />
      <SecretFields
        integration={integration}
        secrets={draft.secrets}
        captured={draft.captured}
        onSecrets={(secrets) => change({ secrets })}
        onCaptured={(captured) => change({ captured })}
        problem={problem}
      />
      <CredentialFields
        integration={integration}
        kind={draft.kind}
        members={draft.members}
        onKind={(kind) => change({ kind, members: {} })}
        onMembers={(members) => change({ members })}
        problem={problem}
      />
      <details>
        <summary>More settings</summary>
        <AccountOptions integration={integration} draft={draft} change={change} faults={faults} problem={problem} />
      </details>
      <FormProblem problem={problem} beside={shownPaths(integration, draft)} />
      <div class="actions">
        <button type="submit" class="primary" disabled={isRunning}>
          {isRunning ? 'Connecting…' : 'Connect'}
        </button>
      </div>
    </form>
  );
}

/** The form that an integration needs, and what it led to. */
export function AccountForm({ integration }: { readonly integration: Integration }) {
  const [created, setCreated] = useState<{ readonly account: Account; readonly wantsConsent: boolean }>();
  if (created !== undefined) return <AccountCreated {...created} integration={integration} />;
  return (
    <DraftForm integration={integration} onCreated={(account, wantsConsent) => setCreated({ account, wantsConsent })} />
  );
}
