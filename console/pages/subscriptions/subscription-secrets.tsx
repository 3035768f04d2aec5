import { useState } from 'preact/hooks';
import { call } from '../../engine-client.ts';
import { forget, useAction, useAnswer } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Copy, Json } from '../../ui/copy.tsx';
import { Confirm } from '../../ui/dialog.tsx';
import { ChoiceField, faultsAt } from '../../ui/field.tsx';
import { Note } from '../../ui/note.tsx';
import { Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { ShownOnce } from '../../ui/shown-once.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { Countdown } from './endpoint-health.tsx';
import type { Subscription } from './subscription-draft.ts';
import type { TabProps } from './subscription-tab.ts';

function SecretList({ of: { secrets } }: { readonly of: Subscription }) {
  return (
    <Table
      caption="Secrets"
      items={[...secrets.entries()]}
      keyOf={([place]) => String(place)}
      columns={[
        {
          title: 'Secret',
          show: ([, { expires_at: end }]) =>
            end === null ? <Badge of="current" tone="good" /> : <Badge of="former" tone="warn" />,
        },
        { title: 'Created', show: ([, { created_at: at }]) => <Time at={at} as="absolute" /> },
        {
          title: 'Signs until',
          show: ([, { expires_at: end }]) => (end === null ? 'the next rotation' : <Countdown at={end} />),
        },
      ]}
    />
  );
}

/** Seconds for which former secrets go on to sign. */
const overlaps = {
  '86400': 'One day',
  '3600': 'One hour',
  '604800': '7 days',
  '2592000': '30 days',
  '0': 'None: the secret has leaked',
} as const;

interface RotateProps {
  readonly of: Subscription;
  readonly onRotated: (secret: string) => void;
  readonly onClose: () => void;
}

function Rotate({ of: { id, signatures }, onRotated, onClose }: RotateProps) {
  const [overlap, setOverlap] = useState('86400');
  const rotate = useAction(async (idempotencyKey, seconds: number) => {
    const body = { overlap_seconds: seconds };
    const { secret } = await call('POST /v1/subscriptions/{id}/rotate-secret', {
      params: { id },
      body,
      idempotencyKey,
    });
    onRotated(secret);
    onClose();
    await forget('GET /v1/subscriptions', 'GET /v1/subscriptions/{id}', 'GET /v1/subscriptions/{id}/keys');
  });
  return (
    <Confirm
      title="Rotate the secret"
      verb="Rotate"
      isDangerous={overlap === '0'}
      isRunning={rotate.isRunning}
      problem={rotate.problem}
      onConfirm={() => void rotate.run(Number(overlap))}
      onClose={onClose}
    >
      <p>
        A new secret signs from now on{signatures.includes('v1a') ? ', and a new key of v1a' : ''}. Until the overlap
        ends, each request carries a signature of the former one, too, so the receiver can change over at any time.
      </p>
      <ChoiceField
        label="Overlap"
        value={overlap}
        onChange={setOverlap}
        choices={overlaps}
        faults={faultsAt(rotate.problem, 'overlap_seconds')}
      />
      {overlap === '0' ? (
        <Note tone="warn">
          Without an overlap, the receiver refuses all requests until it has the new secret. They are tried again by
          themselves.
        </Note>
      ) : null}
    </Confirm>
  );
}

function PublicKeys({ id }: { readonly id: string }) {
  const keys = useAnswer('GET /v1/subscriptions/{id}/keys', { params: { id } });
  const path = `${location.origin}/v1/subscriptions/${encodeURIComponent(id)}/keys`;
  return (
    <Section title="Public keys (v1a)">
      <p>
        With these, the receiver verifies the <code>v1a</code> signatures, and needs no secret. They can be read without
        an API key at <code>{path}</code> <Copy text={path} label="Copy the address" />
      </p>
      <Standing of={keys} what="the public keys" />
      {keys.data === undefined ? null : (
        <>
          <Table
            caption="Public keys"
            items={keys.data.keys}
            keyOf={({ kid }) => kid}
            columns={[
              { title: 'Key id', show: ({ kid }) => <code>{kid}</code> },
              { title: 'Standard Webhooks', isMinor: true, show: (key) => <code>{key.standard_webhooks}</code> },
              {
                title: 'Signs until',
                show: ({ expires_at: end }) => (end === null ? 'the next rotation' : <Countdown at={end} />),
              },
            ]}
          />
          <details>
            <summary>As a key set (JWKS)</summary>
            <Json value={keys.data} label="Key set" />
          </details>
        </>
      )}
    </Section>
  );
}

/** The secrets that sign, and their rotation. */
export function SecretsTab({ subscription }: TabProps) {
  const [isAsked, ask] = useState(false);
  const [secret, setSecret] = useState<string>();
  return (
    <>
      {secret === undefined ? null : (
        <ShownOnce title="New signing secret" text={secret} onClose={() => setSecret(undefined)}>
          Give it to the receiver before the overlap ends.
        </ShownOnce>
      )}
      <Section
        title="Secrets"
        actions={
          maySee('subscriptions:write') ? (
            <button type="button" onClick={() => ask(true)}>
              Rotate…
            </button>
          ) : null
        }
      >
        <p>
          Every request is signed with each of these. The secrets themselves are never shown again: if one is lost,
          rotate.
        </p>
        <SecretList of={subscription} />
      </Section>
      {subscription.signatures.includes('v1a') ? <PublicKeys id={subscription.id} /> : null}
      {isAsked ? <Rotate of={subscription} onRotated={setSecret} onClose={() => ask(false)} /> : null}
    </>
  );
}
