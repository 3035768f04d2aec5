import { href } from '../../session.ts';
import { Facts, Section } from '../../ui/page.tsx';
import { Time } from '../../ui/time.tsx';
import { countWords, Due, lagWords, modeNames, type OneSync, statusMeanings } from './sync-words.tsx';

interface SyncStateProps {
  readonly account: string;
  readonly sync: OneSync;
}

const problems: ReadonlySet<OneSync['status']> = new Set(['failing', 'rate-limited', 'backing-off']);

/** Runs go on, but the last comparison of all records came to no end: then nothing has stopped the sync. */
function couldNotCompare({ status, failures, retry_at: retryAt }: OneSync): boolean {
  return status === 'failing' && failures === 0 && retryAt === null;
}

/** What to do about it. */
function Remedy({ account, sync }: SyncStateProps) {
  const path = (tab: string) => href(`/accounts/${encodeURIComponent(account)}${tab}`);
  if (sync.status === 'rate-limited') return <a href={path('?tab=limits')}>See which limit is used up</a>;
  if (sync.status !== 'failing') return null;
  if (!couldNotCompare(sync)) return <a href={path('')}>See the credentials of the account</a>;
  return (
    <p>
      If the records are really gone, allow it once: in the schedule, raise how much a listing may lack, run a
      comparison, and set it back.
    </p>
  );
}

/** Why a sync does not work as it should. */
function Standing({ account, sync }: SyncStateProps) {
  const { status, reason, failures, failing_since: failingSince, retry_at: retryAt } = sync;
  return (
    <div class={status === 'failing' ? 'note note-bad' : problems.has(status) ? 'note note-warn' : 'note'}>
      <p>
        {couldNotCompare(sync)
          ? 'Changes are read, but the last comparison of all records failed. Deletes may stay unknown.'
          : statusMeanings[status]}
      </p>
      {reason === null ? null : <p>Reason: {reason}</p>}
      {failures === 0 ? null : (
        <p>
          {failures === 1 ? '1 failure' : `${failures} failures in a row`}
          {failingSince === null ? null : (
            <>
              , since <Time at={failingSince} as="absolute" />
            </>
          )}
        </p>
      )}
      {retryAt === null ? null : (
        <p>
          It goes on <Time at={retryAt} />.
        </p>
      )}
      <Remedy account={account} sync={sync} />
    </div>
  );
}

/** What a sync does. */
export function SyncState({ account, sync }: SyncStateProps) {
  const { status, last_run: last } = sync;
  return (
    <Section title="State">
      <Standing account={account} sync={sync} />
      <Facts
        of={{
          Reads: sync.resources.join(', '),
          'Behind by': lagWords(sync),
          'Last run':
            last === null ? (
              'none yet'
            ) : (
              <>
                {modeNames[last.mode]}, {last.outcome} <Time at={last.ended_at} />: {countWords(last)}
              </>
            ),
          'Next run': status === 'paused' ? 'when it is resumed' : <Due at={sync.next_run_at} />,
          'Next comparison of all records':
            sync.next_reconcile_at === null ? null : <Due at={sync.next_reconcile_at} />,
          'Made by': sync.declared ? 'the definition of the integration' : 'a call of the API',
        }}
      />
    </Section>
  );
}
