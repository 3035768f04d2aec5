import { useState } from 'preact/hooks';
import { call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { draftOf, patchOf, type SubscriptionPatch } from './subscription-draft.ts';
import { SubscriptionForm } from './subscription-form.tsx';
import type { TabProps } from './subscription-tab.ts';

/** Changes a subscription. Only what differs from when the form was opened is sent. */
export function EditTab({ subscription }: TabProps) {
  const { id } = subscription;
  const [stored, setStored] = useState(subscription);
  const before = draftOf(stored);
  const [draft, setDraft] = useState(before);
  const [said, say] = useState<string>();
  const save = useAction(async (_, body: SubscriptionPatch) => {
    const saved = await call('PATCH /v1/subscriptions/{id}', { params: { id }, body });
    setStored(saved);
    setDraft(draftOf(saved));
    say(`Saved: ${Object.keys(body).join(', ')}. New deliveries keep to it.`);
    await forget('GET /v1/subscriptions', 'GET /v1/subscriptions/{id}');
  });
  const submit = () => {
    say(undefined);
    const patch = patchOf(draft, before);
    if (Object.keys(patch).length === 0) say('Nothing differs from what is stored.');
    else void save.run(patch);
  };
  return (
    <SubscriptionForm
      draft={draft}
      set={(change) => {
        say(undefined);
        setDraft((now) => ({ ...now, ...change }));
      }}
      problem={save.problem}
      stored={stored}
      verb="Save the changes"
      isRunning={save.isRunning}
      onSubmit={submit}
    >
      <p role="status">{said}</p>
    </SubscriptionForm>
  );
}
