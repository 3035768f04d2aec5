import { useState } from 'preact/hooks';
import { type Answer, type Body, call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { tenant } from '../../session.ts';
import { Confirm } from '../../ui/dialog.tsx';
import { CheckField, faultsAt } from '../../ui/field.tsx';
import { address } from '../../ui/links.tsx';
import { TenantField } from '../../ui/tenant-field.tsx';
import { Time } from '../../ui/time.tsx';

type Subscription = Answer<'GET /v1/subscriptions/{id}'>;
type Enabled = Answer<'POST /v1/subscriptions/{id}/enable'>;
type EnableBody = Body<'POST /v1/subscriptions/{id}/enable'>;

async function forgetSubscription(): Promise<void> {
  await forget('GET /v1/subscriptions', 'GET /v1/subscriptions/{id}', 'GET /v1/subscriptions/{id}/replays');
}

interface DialogProps {
  readonly of: Subscription;
  readonly onClose: () => void;
}

/** The switch of a subscription. */
export function EnableAndDisable({ of }: { readonly of: Subscription }) {
  const [isAsked, ask] = useState(false);
  const [said, say] = useState<Enabled | 'disabled'>();
  const close = () => ask(false);
  return (
    <>
      <p role="status" class="quiet">
        {said === undefined ? null : said === 'disabled' ? 'It is disabled.' : <EnabledText of={said} />}
      </p>
      {of.status === 'enabled' ? (
        <button type="button" class="danger" onClick={() => ask(true)}>
          Disable…
        </button>
      ) : (
        <button type="button" class="primary" onClick={() => ask(true)}>
          Enable…
        </button>
      )}
      {isAsked && of.status === 'enabled' ? (
        <Disable of={of} onClose={close} onDone={() => say('disabled')} />
      ) : isAsked ? (
        <Enable of={of} onClose={close} onDone={say} />
      ) : null}
    </>
  );
}

function EnabledText({ of: { id, catch_up: replay } }: { readonly of: Enabled }) {
  if (replay === null) return <>It is enabled.</>;
  return (
    <>
      It is enabled. What it missed is being sent:{' '}
      <a href={address(`/subscriptions/${encodeURIComponent(id)}`, { tab: 'replays' })}>see the replay</a>
    </>
  );
}

function Disable({ of: { id, ordering }, onClose, onDone }: DialogProps & { readonly onDone: () => void }) {
  const disable = useAction(async (idempotencyKey) => {
    await call('POST /v1/subscriptions/{id}/disable', { params: { id }, body: {}, idempotencyKey });
    onDone();
    onClose();
    await forgetSubscription();
  });
  return (
    <Confirm
      title="Disable this subscription"
      verb="Disable"
      isDangerous
      isRunning={disable.isRunning}
      problem={disable.problem}
      onConfirm={() => void disable.run()}
      onClose={onClose}
    >
      <p>Nothing more is sent to the endpoint. Waiting deliveries stay, and are sent once it is enabled.</p>
      <p>
        {ordering === 'none'
          ? 'Events that come in the meantime are stored. You can send them when you enable it.'
          : 'It keeps an order, so it goes on where it stopped, and misses nothing.'}
      </p>
    </Confirm>
  );
}

function Enable({ of, onClose, onDone }: DialogProps & { readonly onDone: (answer: Enabled) => void }) {
  const { id, disabled, ordering } = of;
  const [isCatchingUp, catchUp] = useState(ordering === 'none');
  const [named, setNamed] = useState(tenant.value ?? '');
  const isShared = of.tenant === null;
  const enable = useAction(async (idempotencyKey, body: EnableBody) => {
    const answer = await call('POST /v1/subscriptions/{id}/enable', { params: { id }, body, idempotencyKey });
    onDone(answer);
    onClose();
    await forgetSubscription();
  });
  const body: EnableBody = isCatchingUp
    ? { catch_up: true, ...(isShared && named !== '' ? { tenant: named } : {}) }
    : { catch_up: false };
  return (
    <Confirm
      title="Enable this subscription"
      verb="Enable"
      isRunning={enable.isRunning}
      problem={enable.problem}
      onConfirm={() => void enable.run(body)}
      onClose={onClose}
    >
      <p>Requests are sent at once, beginning with the deliveries that wait.</p>
      {ordering === 'none' ? (
        <CheckField
          label="Also send what it missed"
          isChecked={isCatchingUp}
          onChange={catchUp}
          hint={
            <>
              Events since <Time at={disabled?.at} as="absolute" />, as a replay.
            </>
          }
        />
      ) : (
        <p>It keeps an order, so it goes on where it stopped, and has missed nothing.</p>
      )}
      {isCatchingUp && isShared ? (
        <TenantField
          value={named}
          onChange={setNamed}
          isRequired
          hint="The subscription serves all tenants, and a replay sends the events of one."
          faults={faultsAt(enable.problem, 'tenant')}
        />
      ) : null}
    </Confirm>
  );
}
