import { useState } from 'preact/hooks';
import { type Answer, type Body, call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { Confirm } from '../../ui/dialog.tsx';
import { Difference } from '../../ui/difference.tsx';
import { SubscriptionLink } from '../../ui/links.tsx';
import { type ShapingDraft, shapingDraftOf, shapingOf } from './shaping.ts';

type Patch = Body<'PATCH /v1/subscriptions/{id}'>;

interface SaveShapingProps {
  readonly stored: Answer<'GET /v1/subscriptions/{id}'>;
  readonly draft: ShapingDraft;
}

/** Stores the options of the playground with the subscription that they began with. */
export function SaveShaping({ stored, draft }: SaveShapingProps) {
  const { id } = stored;
  const [isAsked, ask] = useState(false);
  const [saved, setSaved] = useState<string>();
  const before = shapingOf(shapingDraftOf(stored));
  const after = shapingOf(draft);
  const isSame = JSON.stringify(before) === JSON.stringify(after);
  const save = useAction(async (_, body: Patch) => {
    await call('PATCH /v1/subscriptions/{id}', { params: { id }, body });
    ask(false);
    setSaved(JSON.stringify(after));
    await forget('GET /v1/subscriptions', 'GET /v1/subscriptions/{id}');
  });
  if (!maySee('subscriptions:write')) return <SubscriptionLink id={id} />;
  return (
    <>
      <span role="status" class="quiet">
        {saved === JSON.stringify(after) ? 'Saved. New deliveries keep to it.' : ''}
      </span>
      <button
        type="button"
        class="primary"
        disabled={isSame}
        title={isSame ? 'Nothing differs from what is stored.' : undefined}
        onClick={() => ask(true)}
      >
        Save to {id}…
      </button>
      {isAsked ? (
        <Confirm
          title={`Save to ${id}`}
          verb="Save"
          isRunning={save.isRunning}
          problem={save.problem}
          onConfirm={() => void save.run(after as Patch)}
          onClose={() => ask(false)}
        >
          <p>Deliveries from now on keep to these options:</p>
          <Difference before={before} after={after} />
        </Confirm>
      ) : null}
    </>
  );
}
