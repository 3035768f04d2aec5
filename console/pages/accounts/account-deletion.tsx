import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { href } from '../../session.ts';
import { Confirm } from '../../ui/dialog.tsx';
import { Section } from '../../ui/page.tsx';
import type { Account } from './account-status.tsx';

/** Ends an account. */
export function AccountDeletion({ account: { id, name } }: { readonly account: Account }) {
  const { route } = useLocation();
  const [isOpen, setOpen] = useState(false);
  const remove = useAction(async () => {
    await call('DELETE /v1/accounts/{id}', { params: { id } });
    route(href('/accounts'));
    // Only lists: until the next page is there, this one would ask for an account that is gone.
    await forget('GET /v1/accounts', 'GET /v1/syncs');
  });
  return (
    <Section title="Delete the account">
      <p class="quiet">Its webhooks are refused, and its credentials, syncs and cursors are removed.</p>
      <div>
        <button type="button" class="danger" onClick={() => setOpen(true)}>
          Delete the account
        </button>
      </div>
      {isOpen ? (
        <Confirm
          title={`Delete ${name ?? id}`}
          verb="Delete"
          isDangerous
          isRunning={remove.isRunning}
          problem={remove.problem}
          onConfirm={() => void remove.run()}
          onClose={() => setOpen(false)}
        >
          <p>Within 10 seconds, its webhook URL answers 404. Remove the webhook at the provider, too.</p>
          <p>
            Its credentials, secrets, syncs and cursors are removed. This cannot be undone. Its events stay until their
            retention ends, and its id stays reserved for the tenant.
          </p>
        </Confirm>
      ) : null}
    </Section>
  );
}
