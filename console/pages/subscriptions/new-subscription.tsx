import { useState } from 'preact/hooks';
import { type Answer, call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { href, isOperator, maySee, tenant } from '../../session.ts';
import { address } from '../../ui/links.tsx';
import { Empty, Page, Section } from '../../ui/page.tsx';
import { ShownOnce } from '../../ui/shown-once.tsx';
import { RolePolicies } from './role-policies.tsx';
import { creationOf, emptyDraft, type NewSubscription } from './subscription-draft.ts';
import { SubscriptionForm } from './subscription-form.tsx';

/** What follows once it exists. */
function Created({ of: { id, url, secret, destination } }: { readonly of: Answer<'POST /v1/subscriptions'> }) {
  const path = `/subscriptions/${encodeURIComponent(id)}`;
  const [isCopied, setCopied] = useState(false);
  return (
    <Section title="The subscription is created">
      <p role="status">
        <strong>{id}</strong> sends new events to {url} from now on.
      </p>
      {isCopied ? null : (
        <ShownOnce title="Signing secret" text={secret} onClose={() => setCopied(true)}>
          The receiver needs it to verify that a request is genuine. If it is lost, rotate the secret to get another.
        </ShownOnce>
      )}
      <RolePolicies of={destination} />
      <div class="actions">
        <a class="button primary" href={address(path, { tab: 'test' })}>
          Send a test
        </a>
        <a class="button" href={href(path)}>
          To the subscription
        </a>
        <a class="button" href={address(path, { tab: 'replays' })}>
          Send past events
        </a>
      </div>
    </Section>
  );
}

/** Creates a subscription, and shows its secret. */
export default function NewSubscriptionPage() {
  const [draft, setDraft] = useState({ ...emptyDraft, tenant: tenant.value ?? '' });
  const create = useAction(async (idempotencyKey, body: NewSubscription) => {
    const created = await call('POST /v1/subscriptions', { body, idempotencyKey });
    await forget('GET /v1/subscriptions');
    return created;
  });
  const intro = 'Events are sent to your endpoint as signed requests. Only the address is required.';
  if (!maySee('subscriptions:write'))
    return (
      <Page title="New subscription">
        <Empty title="You may not create subscriptions.">
          Ask who gave you access for the permission subscriptions:write.
        </Empty>
      </Page>
    );
  return (
    <Page title="New subscription" intro={create.data === undefined ? intro : undefined}>
      {create.data === undefined ? (
        <SubscriptionForm
          draft={draft}
          set={(change) => setDraft((before) => ({ ...before, ...change }))}
          problem={create.problem}
          stored={undefined}
          verb="Create the subscription"
          isRunning={create.isRunning}
          onSubmit={() => void create.run(creationOf(draft, isOperator.value))}
        />
      ) : (
        <Created of={create.data} />
      )}
    </Page>
  );
}
