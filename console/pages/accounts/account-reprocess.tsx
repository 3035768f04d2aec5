import { useState } from 'preact/hooks';
import { call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { isOperator, maySee } from '../../session.ts';
import { Confirm } from '../../ui/dialog.tsx';
import { Done } from '../../ui/done.tsx';

interface AccountReprocessProps {
  readonly integration: string;
  readonly title: string;
}

/** One call handles a group; so many calls are made at once. */
const mostCalls = 50;

/** Sends requests that could not be read through the mapping again, after it was mended. */
export function AccountReprocess({ integration, title }: AccountReprocessProps) {
  const [isOpen, setOpen] = useState(false);
  const [said, say] = useState<string>();
  const reprocess = useAction(async () => {
    let before: string | undefined;
    let [again, left] = [0, 0];
    for (let calls = 0; calls < mostCalls; calls += 1) {
      // The same instant in each call, so that what fails again is not tried forever.
      const answer = await call('POST /v1/integrations/{integration}/reprocess', {
        params: { integration },
        query: { before },
      });
      again += answer.reprocessed;
      left += answer.skipped;
      before = answer.before;
      if (!answer.more) break;
    }
    setOpen(false);
    say(`${again} requests are processed again.${left === 0 ? '' : ` ${left} were left where they are.`}`);
    await forget('GET /v1/stats');
  });
  if (!isOperator.value || !maySee('integrations:write'))
    return <p class="quiet">Requests that could not be read are kept. An operator can process them again.</p>;
  return (
    <>
      <div>
        <button type="button" onClick={() => setOpen(true)}>
          Process them again
        </button>
      </div>
      <Done>{said === undefined ? null : <p>{said}</p>}</Done>
      {isOpen ? (
        <Confirm
          title={`Process requests of ${title} again`}
          verb="Process again"
          isRunning={reprocess.isRunning}
          problem={reprocess.problem}
          onConfirm={() => void reprocess.run()}
          onClose={() => setOpen(false)}
        >
          <p>
            All requests of {title} that could not be read, of all tenants, go through the mapping again. Do it once the
            mapping is mended; otherwise they fail again, and are kept as before.
          </p>
          <p>Nobody gets an event twice: events that were published before are not published again.</p>
        </Confirm>
      ) : null}
    </>
  );
}
