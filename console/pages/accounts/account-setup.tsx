import { isOperator } from '../../session.ts';
import { Code } from '../../ui/copy.tsx';
import { address } from '../../ui/links.tsx';
import { Section } from '../../ui/page.tsx';
import { Time } from '../../ui/time.tsx';
import type { Account, Integration } from './account-status.tsx';

interface AccountSetupProps {
  readonly account: Account;
  readonly integration: Integration | undefined;
}

/** The events of an account. An operator's link names the tenant, because a feed is of one tenant. */
export function eventsOf({ id, tenant }: Pick<Account, 'id' | 'tenant'>): string {
  return address('/events', { account: id, ...(isOperator.value ? { tenant } : {}) });
}

/** What to do at the provider, in order. */
function Steps({ account, integration }: AccountSetupProps) {
  const { capture } = account;
  const title = integration?.title ?? account.integration;
  return (
    <ol class="steps">
      <li>
        {integration?.docs == null ? (
          'Open the settings of webhooks.'
        ) : (
          <>
            Open the settings of webhooks. The{' '}
            <a href={integration.docs} target="_blank" rel="noreferrer">
              documentation of {title}
            </a>{' '}
            says where they are.
          </>
        )}
      </li>
      <li>Create a webhook with the URL above, for the events that you want.</li>
      {Object.entries(integration?.secrets ?? {}).map(([name, help]) => (
        <li key={name}>
          <strong>{name}</strong>: {help}{' '}
          <span class="quiet">
            {capture?.secrets.includes(name) === true
              ? 'The account waits for it.'
              : account.secret_names.includes(name)
                ? 'It is stored.'
                : 'It is not stored yet: set it under "Secrets of the webhooks".'}
          </span>
        </li>
      ))}
      <li>
        Change a record there, and <a href={eventsOf(account)}>watch the events of this account</a>.
      </li>
    </ol>
  );
}

/** The URL for the provider, and what to set up there. */
export function AccountSetup({ account, integration }: AccountSetupProps) {
  const { webhook_url: url, capture } = account;
  const title = integration?.title ?? account.integration;
  if (integration?.webhook === false)
    return (
      <Section title="Webhook URL">
        <p>{title} sends no webhooks. What changes there is found by the account's syncs.</p>
      </Section>
    );
  return (
    <Section title="Webhook URL">
      <Code text={url} label="Webhook URL" isWrapped />
      {url.includes('?') ? (
        <p class="quiet">The part after the question mark authenticates the provider. Keep the URL secret.</p>
      ) : null}
      <h3>At {title}</h3>
      <Steps account={account} integration={integration} />
      {capture === undefined ? null : (
        <p class="quiet">
          The account takes {capture.secrets.join(', ')} from the handshake of {title}, until{' '}
          <Time at={capture.expires_at} as="absolute" />.
        </p>
      )}
      {integration?.serves_all_accounts === true ? (
        <p class="quiet">
          {title} can also send the webhooks of all accounts to one URL. Then the account is found by its context.
        </p>
      ) : null}
    </Section>
  );
}
