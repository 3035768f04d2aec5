import { useState } from 'preact/hooks';
import { call, type Entry } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { session } from '../../session.ts';
import { ChoiceField } from '../../ui/field.tsx';
import { KeyDialog } from './key-dialog.tsx';
import type { KeyNews } from './key-news.ts';

interface KeyActionProps {
  readonly of: Entry<'GET /v1/keys'>;
  readonly onDone: (news: KeyNews) => void;
  readonly onClose: () => void;
}

const overlaps = {
  '0': 'None: the former secret ends at once',
  '3600': '1 hour',
  '86400': '1 day',
  '604800': '7 days',
  '2592000': '30 days',
} as const;

/** The session of this page was made with a secret, and ends with it. */
const endsSession = (id: string) => session.value?.caller.key === id;

export function RotateKey({ of: { id, name }, onDone, onClose }: KeyActionProps) {
  const [overlap, setOverlap] = useState('86400');
  const rotate = useAction(async (idempotencyKey, authorization: string) => {
    const { key } = await call('POST /v1/keys/{id}/rotate', {
      params: { id },
      body: { overlap_seconds: Number(overlap) },
      idempotencyKey,
      authorization,
    });
    onDone({ kind: 'secret', title: `The key ${name} has a new secret`, text: key });
    await forget('GET /v1/keys');
  });
  return (
    <KeyDialog
      title={`Rotate the key ${name}`}
      verb="Rotate"
      isRunning={rotate.isRunning}
      problem={rotate.problem}
      onRun={(authorization) => void rotate.run(authorization)}
      onClose={onClose}
    >
      <p>The key gets a new secret. Its scopes, its tenant and its end stay.</p>
      <ChoiceField
        label="The former secret works for"
        value={overlap}
        choices={overlaps}
        onChange={setOverlap}
        hint="In this time, give the new secret to all that use the key. Tokens end with the secret that made them."
      />
      {endsSession(id) ? <p>This is your own key: after the overlap, sign in with the new secret.</p> : null}
    </KeyDialog>
  );
}

export function RevokeKey({ of: { id, name, last_used_at: used }, onDone, onClose }: KeyActionProps) {
  const revoke = useAction(async (_, authorization: string) => {
    await call('DELETE /v1/keys/{id}', { params: { id }, authorization });
    onDone(`The key ${name} has been revoked.`);
    await forget('GET /v1/keys');
  });
  return (
    <KeyDialog
      title={`Revoke the key ${name}`}
      verb="Revoke"
      isDangerous
      isRunning={revoke.isRunning}
      problem={revoke.problem}
      onRun={(authorization) => void revoke.run(authorization)}
      onClose={onClose}
    >
      <p>
        The key and all its tokens are refused from the next call on. This cannot be undone.{' '}
        {used === null ? 'The key was never used.' : `It was last used on ${new Date(used).toLocaleString()}.`}
      </p>
      {endsSession(id) ? <p>This is the key of your session: you are signed out.</p> : null}
    </KeyDialog>
  );
}
