import { useState } from 'preact/hooks';
import { CheckField, faultsAt, TextField } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { linesOf } from '../subscriptions/shaping.ts';
import { useAccountChange } from './account-change.ts';
import { contextOf, filled, objectOf, typedContext } from './account-draft.ts';
import { ContextFields, SecretFields } from './account-fields.tsx';
import { AccountOptions } from './account-options.tsx';
import type { Account, Integration } from './account-status.tsx';

interface EditProps {
  readonly account: Account;
  readonly integration: Integration | undefined;
  readonly onDone: (said: string) => void;
  readonly onClose: () => void;
}

/** A change that closes the dialog and says what it has done. */
function useEdit({ account, onDone, onClose }: EditProps, said: string) {
  return useAccountChange(account.id, () => {
    onClose();
    onDone(said);
  });
}

const handshakeSeconds = 86_400;

export function EditSecrets(props: EditProps) {
  const { account, integration, onClose } = props;
  const [secrets, setSecrets] = useState<Readonly<Record<string, string>>>({});
  const [captured, setCaptured] = useState<readonly string[]>(account.capture?.secrets ?? []);
  const [keepsFormer, setKeepsFormer] = useState('');
  const save = useEdit(props, 'The secrets have been stored. Requests are verified with them within 10 seconds.');
  if (integration === undefined) return null;
  const [first] = Object.keys(integration.secrets);
  const given = Object.entries(filled(secrets)).filter(([name]) => !captured.includes(name));
  const submit = () =>
    void save.run({
      secrets: Object.fromEntries(
        given.map(([name, text]) => [name, name === first && keepsFormer !== '' ? [text, keepsFormer] : text]),
      ),
      ...(captured.length > 0
        ? { capture: { secrets: [...captured], expires_in_seconds: handshakeSeconds } }
        : account.capture === undefined
          ? {}
          : { capture: null }),
    });
  return (
    <FormDialog
      title="Replace the secrets of the webhooks"
      verb="Store"
      isRunning={save.isRunning}
      problem={save.problem}
      members={Object.keys(integration.secrets).map((name) => `secrets.${name}`)}
      onSubmit={submit}
      onClose={onClose}
    >
      <SecretFields
        integration={integration}
        secrets={secrets}
        captured={captured}
        onSecrets={setSecrets}
        onCaptured={setCaptured}
        problem={save.problem}
        stored={account.secret_names}
      />
      {first === undefined ? (
        <p>{integration.title} needs no secrets.</p>
      ) : (
        <details>
          <summary>During a rotation</summary>
          <TextField
            label={`The former ${first}`}
            type="password"
            value={keepsFormer}
            onChange={setKeepsFormer}
            hint="Both are valid then. Store the new one alone once the provider uses it."
          />
        </details>
      )}
    </FormDialog>
  );
}

export function EditContext(props: EditProps) {
  const { account, integration, onClose } = props;
  const [draft, setDraft] = useState(() =>
    integration === undefined ? { typed: {}, others: '' } : typedContext(integration, account),
  );
  const save = useEdit(props, 'The context has been stored.');
  if (integration === undefined) return null;
  const others = objectOf(draft.others);
  return (
    <FormDialog
      title="Change the context"
      verb="Store"
      isRunning={save.isRunning}
      problem={save.problem}
      members={['context']}
      onSubmit={() => {
        if (others !== undefined) void save.run({ context: contextOf(integration, draft.typed, others) });
      }}
      onClose={onClose}
    >
      <ContextFields
        integration={integration}
        typed={draft.typed}
        others={draft.others}
        onType={(typed) => setDraft({ ...draft, typed })}
        onOthers={(text) => setDraft({ ...draft, others: text })}
        problem={save.problem}
      />
    </FormDialog>
  );
}

export function EditSettings(props: EditProps) {
  const { account, integration, onClose } = props;
  const [name, setName] = useState(account.name ?? '');
  const [draft, setDraft] = useState(() => ({
    baseUrl: account.base_url ?? '',
    share: account.share === 1 ? '' : String(Math.round(account.share * 100)),
    syncs: account.syncs,
    allowedRanges: account.allowed_ranges.join('\n'),
    metadata: Object.entries(account.metadata) as readonly (readonly [string, string])[],
  }));
  const save = useEdit(props, 'The settings have been stored.');
  if (integration === undefined) return null;
  const faults = (path: string) => faultsAt(save.problem, path);
  const pairs = draft.metadata.filter(([key]) => key.trim() !== '');
  const ranges = linesOf(draft.allowedRanges);
  const submit = () =>
    void save.run({
      name: name.trim() === '' ? null : name.trim(),
      metadata: pairs.length === 0 ? null : Object.fromEntries(pairs.map(([key, value]) => [key.trim(), value])),
      base_url: draft.baseUrl.trim() === '' ? null : draft.baseUrl.trim(),
      share: draft.share === '' ? null : Number(draft.share) / 100,
      syncs: draft.syncs,
      allowed_ranges: ranges.length === 0 ? null : [...ranges],
    });
  return (
    <FormDialog
      title="Change the settings"
      verb="Store"
      isRunning={save.isRunning}
      problem={save.problem}
      members={['name', 'metadata', 'base_url', 'share', 'allowed_ranges']}
      onSubmit={submit}
      onClose={onClose}
    >
      <TextField label="Name" value={name} onChange={setName} faults={faults('name')} hint="For people." />
      {integration.syncs.length === 0 && account.syncs === 'off' ? (
        <CheckField
          label="Poll the account"
          isChecked={draft.syncs === 'on'}
          onChange={(isOn) => setDraft({ ...draft, syncs: isOn ? 'on' : 'off' })}
        />
      ) : null}
      <AccountOptions
        integration={integration}
        draft={draft}
        change={(part) => setDraft((before) => ({ ...before, ...part }))}
        faults={faults}
        problem={save.problem}
      />
    </FormDialog>
  );
}
