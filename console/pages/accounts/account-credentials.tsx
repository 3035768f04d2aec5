import { useState } from 'preact/hooks';
import { maySee } from '../../session.ts';
import { Confirm } from '../../ui/dialog.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { Facts, Section } from '../../ui/page.tsx';
import { Time } from '../../ui/time.tsx';
import { useAccountChange } from './account-change.ts';
import { Connect } from './account-connect.tsx';
import { credentialsOf } from './account-draft.ts';
import { CredentialFields, kindName } from './account-fields.tsx';
import type { Account, Integration } from './account-status.tsx';

interface AccountCredentialsProps {
  readonly account: Account;
  readonly integration: Integration | undefined;
  readonly onDone: (said: string) => void;
}

interface DialogProps extends AccountCredentialsProps {
  readonly integration: Integration;
  readonly onClose: () => void;
}

function Replace({ account, integration, onDone, onClose }: DialogProps) {
  const typed = integration.credentials.filter(({ connect }) => !connect);
  const [kind, setKind] = useState(
    account.credentials?.type ?? typed[0]?.type ?? integration.credentials[0]?.type ?? '',
  );
  const [members, setMembers] = useState<Readonly<Record<string, string>>>({});
  const replace = useAccountChange(account.id, () => {
    onClose();
    onDone('The new credentials have been stored. What waited for them goes on now.');
  });
  const credentials = credentialsOf(integration, kind, members);
  return (
    <FormDialog
      title="Replace the credentials"
      verb="Try and store"
      isRunning={replace.isRunning}
      problem={replace.problem}
      members={['credentials']}
      onSubmit={() => {
        if (credentials !== undefined) void replace.run({ credentials });
      }}
      onClose={onClose}
    >
      <p>The new credentials are tried first. If {integration.title} refuses them, those that are stored stay.</p>
      <CredentialFields
        integration={integration}
        kind={kind}
        members={members}
        onKind={(next) => {
          setKind(next);
          setMembers({});
        }}
        onMembers={setMembers}
        problem={replace.problem}
        isOptional={false}
      />
      {credentials === undefined ? (
        <p class="quiet">For a consent, close this and use the button for it. Or enter tokens that you have.</p>
      ) : null}
    </FormDialog>
  );
}

function Remove({ account, integration, onDone, onClose }: DialogProps) {
  const remove = useAccountChange(account.id, () => {
    onClose();
    onDone('The credentials have been removed.');
  });
  return (
    <Confirm
      title="Remove the credentials"
      verb="Remove"
      isDangerous
      isRunning={remove.isRunning}
      problem={remove.problem}
      onConfirm={() => void remove.run({ credentials: null })}
      onClose={onClose}
    >
      <p>
        Nothing more is read from {integration.title}: syncs stop, and webhooks that name a record only stay without its
        data. Webhooks are accepted as before. To undo it, give the account credentials again.
      </p>
    </Confirm>
  );
}

/** The account's credentials: what is known of them, and how to get others. */
export function AccountCredentials({ account, integration, onDone }: AccountCredentialsProps) {
  const [dialog, open] = useState<'replace' | 'remove'>();
  if (integration === undefined || integration.credentials.length === 0) return null;
  const { credentials } = account;
  const consents = integration.credentials.some(({ connect }) => connect);
  const dialogs = { account, integration, onDone, onClose: () => open(undefined) };
  return (
    <Section title="Credentials">
      {credentials === null ? (
        <p>None are stored, so nothing is read from {integration.title}.</p>
      ) : (
        <Facts
          of={{
            Kind: kindName(credentials.type),
            Stored: <Time at={credentials.updated_at} />,
            'Token ends':
              credentials.expires_at === null ? null : (
                <>
                  <Time at={credentials.expires_at} /> <span class="quiet">(it is refreshed before, if it can be)</span>
                </>
              ),
          }}
        />
      )}
      {maySee('accounts:write') ? (
        <>
          {consents ? (
            <Connect
              account={account}
              provider={integration.title}
              verb={credentials === null ? 'Connect by consent' : 'Connect again by consent'}
            />
          ) : null}
          <div class="actions">
            <button type="button" onClick={() => open('replace')}>
              {credentials === null ? 'Enter credentials' : 'Replace credentials'}
            </button>
            {credentials === null ? null : (
              <button type="button" class="danger" onClick={() => open('remove')}>
                Remove credentials
              </button>
            )}
          </div>
        </>
      ) : (
        <p class="quiet">To change them, you need the scope accounts:write.</p>
      )}
      {dialog === 'replace' ? <Replace {...dialogs} /> : null}
      {dialog === 'remove' ? <Remove {...dialogs} /> : null}
    </Section>
  );
}
