import { useState } from 'preact/hooks';
import { maySee } from '../../session.ts';
import { Copy } from '../../ui/copy.tsx';
import { Facts, Section } from '../../ui/page.tsx';
import { Time } from '../../ui/time.tsx';
import { AccountCredentials } from './account-credentials.tsx';
import { AccountDeletion } from './account-deletion.tsx';
import { contextText } from './account-draft.ts';
import { EditContext, EditSecrets, EditSettings } from './account-edit.tsx';
import { AccountSetup } from './account-setup.tsx';
import { type Account, AccountStatus, type Integration, statusMeaning } from './account-status.tsx';

interface AccountStateProps {
  readonly account: Account;
  readonly integration: Integration | undefined;
  readonly onDone: (said: string) => void;
}

function Connection({ account, integration }: Omit<AccountStateProps, 'onDone'>) {
  const { id, status_reason: reason, status_since: since } = account;
  const metadata = Object.entries(account.metadata).map(([name, value]) => `${name}=${value}`);
  return (
    <Section title="Connection">
      <p>
        <AccountStatus of={account} /> {statusMeaning(account, integration?.title ?? account.integration)}
      </p>
      {reason === null ? null : (
        <p>
          Reason: {reason} {since === null ? null : <Time at={since} />}
        </p>
      )}
      <Facts
        of={{
          Id: (
            <>
              <code>{id}</code> <Copy text={id} />
            </>
          ),
          Created: <Time at={account.created_at} as="absolute" />,
          'Address of the API': account.base_url,
          'Share of the limits': account.share === 1 ? null : `${Math.round(account.share * 100)} %`,
          Polling: account.syncs === 'on' ? 'on' : 'off',
          'Addresses that may send webhooks': account.allowed_ranges.join(', ') || null,
          Metadata: metadata.join(', '),
        }}
      />
    </Section>
  );
}

type Editor = 'secrets' | 'context' | 'settings';

/** The state of an account, and what its owner may change. */
export function AccountState({ account, integration, onDone }: AccountStateProps) {
  const [editor, edit] = useState<Editor>();
  const mayWrite = maySee('accounts:write');
  const editing = { account, integration, onDone, onClose: () => edit(undefined) };
  const change = (what: Editor, label: string) =>
    mayWrite ? (
      <button type="button" class="small" onClick={() => edit(what)} disabled={integration === undefined}>
        {label}
      </button>
    ) : undefined;
  const context = Object.entries(account.context);
  return (
    <>
      <Connection account={account} integration={integration} />
      <AccountCredentials account={account} integration={integration} onDone={onDone} />
      <AccountSetup account={account} integration={integration} />
      {integration?.webhook === false ? null : (
        <Section title="Secrets of the webhooks" actions={change('secrets', 'Replace secrets')}>
          <p>
            {account.secret_names.length === 0
              ? 'No secret is stored. Requests that need one are rejected.'
              : `Stored: ${account.secret_names.join(', ')}. Secrets are never shown.`}
          </p>
        </Section>
      )}
      <Section title="Context" actions={change('context', 'Change the context')}>
        {context.length === 0 ? (
          <p class="quiet">No values by which the provider knows the account.</p>
        ) : (
          <Facts of={Object.fromEntries(context.map(([name, value]) => [name, contextText(value)]))} />
        )}
      </Section>
      {mayWrite ? (
        <Section title="Settings" actions={change('settings', 'Change the settings')}>
          <p class="quiet">Name, address of the API, share of the limits, polling, allowed addresses and metadata.</p>
        </Section>
      ) : null}
      {mayWrite ? <AccountDeletion account={account} /> : null}
      {editor === 'secrets' ? <EditSecrets {...editing} /> : null}
      {editor === 'context' ? <EditContext {...editing} /> : null}
      {editor === 'settings' ? <EditSettings {...editing} /> : null}
    </>
  );
}
