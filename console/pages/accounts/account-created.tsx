import { href, maySee } from '../../session.ts';
import { Section } from '../../ui/page.tsx';
import { Connect } from './account-connect.tsx';
import { AccountSetup, eventsOf } from './account-setup.tsx';
import type { Account, Integration } from './account-status.tsx';

interface AccountCreatedProps {
  readonly account: Account;
  readonly integration: Integration;
  readonly wantsConsent: boolean;
}

/** What comes after an account was created: consent, the webhook, and where its events are. */
export function AccountCreated({ account, integration, wantsConsent }: AccountCreatedProps) {
  const { id, name } = account;
  return (
    <>
      <div class="note note-good" role="status">
        <p>
          The account <strong>{name ?? id}</strong> has been created.
          {account.credentials === null ? null : ' Its credentials are stored.'}
        </p>
      </div>
      {wantsConsent ? (
        <Section title={`Consent at ${integration.title}`}>
          <p>Nothing is read from {integration.title} until the owner of the account consents.</p>
          <Connect account={account} provider={integration.title} verb="Start the consent" />
        </Section>
      ) : null}
      <AccountSetup account={account} integration={integration} />
      <div class="actions">
        <a class="button primary" href={href(`/accounts/${encodeURIComponent(id)}`)}>
          To the account
        </a>
        {maySee('events:read') ? (
          <a class="button" href={eventsOf(account)}>
            Watch its events
          </a>
        ) : null}
      </div>
    </>
  );
}
