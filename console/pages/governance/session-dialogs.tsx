import { useState } from 'preact/hooks';
import { call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { isOperator, tenant } from '../../session.ts';
import { faultsAt } from '../../ui/field.tsx';
import { TenantField } from '../../ui/tenant-field.tsx';
import { KeyDialog } from './key-dialog.tsx';
import type { SessionNews } from './session-news.ts';

interface DialogProps {
  readonly onDone: (news: SessionNews) => void;
  readonly onClose: () => void;
}

export function RevokeSession({ id, onDone, onClose }: DialogProps & { readonly id: string }) {
  const revoke = useAction(async (_, authorization: string) => {
    await call('DELETE /v1/portal-sessions/{id}', { params: { id }, authorization });
    onDone(`The session ${id} has ended.`);
    await forget('GET /v1/portal-sessions');
  });
  return (
    <KeyDialog
      title="Revoke the session"
      verb="Revoke"
      isDangerous
      isRunning={revoke.isRunning}
      problem={revoke.problem}
      onRun={(authorization) => void revoke.run(authorization)}
      onClose={onClose}
    >
      <p>The link and the token of the session are refused from now on. The partner can come back with a new link.</p>
    </KeyDialog>
  );
}

export function RevokeSessions({ onDone, onClose }: DialogProps) {
  const [owner, setOwner] = useState(tenant.value ?? '');
  const revoke = useAction(async (_, authorization: string) => {
    const query = { tenant: isOperator.value ? owner.trim() : undefined };
    const { revoked } = await call('DELETE /v1/portal-sessions', { query, authorization });
    onDone(revoked === 1 ? '1 session has ended.' : `${revoked} sessions have ended.`);
    await forget('GET /v1/portal-sessions');
  });
  return (
    <KeyDialog
      title="Revoke all sessions of a tenant"
      verb="Revoke all"
      isDangerous
      isRunning={revoke.isRunning}
      problem={revoke.problem}
      members={['tenant']}
      onRun={(authorization) => void revoke.run(authorization)}
      onClose={onClose}
    >
      <p>
        All links and tokens of the tenant's sessions are refused from now on. Partners can come back with new links.
      </p>
      <TenantField
        value={owner}
        onChange={setOwner}
        isRequired
        hint="Whose sessions end."
        faults={faultsAt(revoke.problem, 'tenant')}
      />
    </KeyDialog>
  );
}
