import type { ApiProblem } from '../../engine-client.ts';
import { CheckField, TextField } from '../../ui/field.tsx';
import { ListField } from '../../ui/list-field.tsx';
import { PairsField } from '../../ui/pairs-field.tsx';
import type { AccountDraft } from './account-draft.ts';
import type { Integration } from './account-status.tsx';

type Options = Pick<AccountDraft, 'baseUrl' | 'share' | 'syncs' | 'allowedRanges' | 'metadata'>;

interface AccountOptionsProps {
  readonly integration: Integration;
  readonly draft: Options;
  readonly change: (part: Partial<Options>) => void;
  /** Faults of a member of the body. */
  readonly faults: (path: string) => readonly string[];
  readonly problem: ApiProblem | undefined;
}

/** What most accounts leave as it is. */
export function AccountOptions({ integration, draft, change, faults, problem }: AccountOptionsProps) {
  const { credentials, syncs, title, webhook } = integration;
  return (
    <div class="form">
      {credentials.length === 0 ? null : (
        <>
          <TextField
            label="Address of the API (optional)"
            type="url"
            value={draft.baseUrl}
            onChange={(baseUrl) => change({ baseUrl })}
            placeholder="https://"
            hint={`Only where ${title} runs on the owner's premises.`}
            faults={faults('base_url')}
          />
          <TextField
            label="Share of the provider's limits, in percent (optional)"
            type="number"
            value={draft.share}
            onChange={(share) => change({ share })}
            placeholder="100"
            hint="Less, where another application uses the same account."
            faults={faults('share')}
          />
        </>
      )}
      {syncs.length === 0 ? null : (
        <CheckField
          label="Poll the account"
          isChecked={draft.syncs === 'on'}
          onChange={(isOn) => change({ syncs: isOn ? 'on' : 'off' })}
          hint={`The syncs of ${title}: ${syncs.map(({ id }) => id).join(', ')}. They need credentials.`}
        />
      )}
      {webhook ? (
        <ListField
          label="Addresses that may send webhooks (optional)"
          lines={3}
          value={draft.allowedRanges}
          onChange={(allowedRanges) => change({ allowedRanges })}
          placeholder={'192.30.252.0/22\n2a0a:a440::/29'}
          hint={`One range a line, as ${title} publishes them. Empty: from every address.`}
          path="allowed_ranges"
          problem={problem}
        />
      ) : null}
      <PairsField
        label="Metadata"
        pairs={draft.metadata}
        onChange={(metadata) => change({ metadata })}
        faults={faults('metadata')}
        hint="Your own names and values, by which accounts can be filtered."
      />
    </div>
  );
}
