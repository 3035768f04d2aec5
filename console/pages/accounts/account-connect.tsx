import { call } from '../../engine-client.ts';
import { useAction } from '../../queries.ts';
import { href } from '../../session.ts';
import { Copy } from '../../ui/copy.tsx';
import { faultsAt } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import type { Account } from './account-status.tsx';

interface ConnectProps {
  readonly account: Pick<Account, 'id'>;
  /** Title of the integration. */
  readonly provider: string;
  /** The verb, such as "Connect". */
  readonly verb: string;
}

/** A page in a frame leaves the frame alone: providers refuse to be shown in one. */
const isFramed = window.self !== window.top;

/** Starts the consent of the account's owner, and leads there. */
export function Connect({ account: { id }, provider, verb }: ConnectProps) {
  const start = useAction((idempotencyKey) =>
    call('POST /v1/accounts/{id}/connect', {
      params: { id },
      body: { return_url: `${location.origin}${href(`/accounts/${encodeURIComponent(id)}`)}` },
      idempotencyKey,
    }),
  );
  const { data, problem, isRunning } = start;
  if (data !== undefined)
    return (
      <div class="note" role="status">
        <p>
          Consent at {provider} within 30 minutes. Then you come back to this account, and it is connected. The link
          works for the owner of the account, too.
        </p>
        <div class="actions">
          <a
            class="button primary"
            href={data.url}
            rel={isFramed ? 'noopener noreferrer' : 'noreferrer'}
            target={isFramed ? '_blank' : undefined}
          >
            Go to {provider}
          </a>
          <Copy text={data.url} label="Copy the link" />
        </div>
      </div>
    );
  const hints = faultsAt(problem, 'return_url');
  return (
    <>
      <div>
        <button type="button" class="primary" onClick={() => void start.run()} disabled={isRunning}>
          {isRunning ? 'Starting…' : verb}
        </button>
      </div>
      <Problem problem={problem} />
      {problem?.reason === 'not-supported' ? (
        <p class="quiet">
          For a consent, the deployment needs an OAuth client of {provider}. An operator registers one there, and sets
          it in the settings of the integration.
        </p>
      ) : null}
      {hints.length === 0 ? null : (
        <p class="quiet">
          The deployment must allow that one comes back to {location.origin}: add it to connectReturnOrigins.
        </p>
      )}
    </>
  );
}
