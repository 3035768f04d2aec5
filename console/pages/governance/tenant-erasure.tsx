import { useState } from 'preact/hooks';
import { call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { isOperator, maySee } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Facts, Section } from '../../ui/page.tsx';
import { fileName, saveFile } from '../../ui/save-file.ts';
import { type Column, Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { TwoSteps } from '../../ui/two-steps.tsx';
import type { Tenant } from './tenant-retention.tsx';

type Certificate = Tenant['certificates'][number];
type Kept = Certificate['kept'][number];

interface ErasureProps {
  readonly tenant: Tenant;
  readonly onDone: (said: string) => void;
}

function EraseDialog({ tenant: { tenant }, onDone, onClose }: ErasureProps & { readonly onClose: () => void }) {
  const erase = useAction(async () => {
    await call('DELETE /v1/tenants/{id}', { params: { id: tenant } });
    onClose();
    onDone(`The erasure of ${tenant} has begun. It goes on by itself, also if you leave this page.`);
    await forget('GET /v1/tenants/{id}', 'GET /v1/tenants');
  });
  return (
    <TwoSteps
      title={`Erase all data of ${tenant}`}
      name={tenant}
      verb="Erase"
      what={
        <>
          <p>This is removed, everywhere:</p>
          <ul class="bullets">
            <li>API keys of the tenant, first of all;</li>
            <li>accounts with their credentials, secrets and syncs;</li>
            <li>subscriptions with their deliveries, and positions of readers;</li>
            <li>records and events with their data;</li>
            <li>the keys of archived requests: without them, no copy can be read.</li>
          </ul>
          <p>Export the data first if it may be needed. Disconnect the providers, so that they send nothing more.</p>
        </>
      }
      after={
        <>
          <p>This comes then:</p>
          <ul class="bullets">
            <li>Webhooks of the tenant are answered 404, and calls that would create data are refused.</li>
            <li>The engine looks through all stores until it finds nothing more. It takes some minutes at least.</li>
            <li>A certificate lists what was removed, and what is kept, why and until when.</li>
          </ul>
          <p>
            An erasure cannot be stopped or undone.
            {isOperator.value
              ? null
              : ' Your own key is removed, too: you are signed out, and only an operator can read the certificate.'}
          </p>
        </>
      }
      isRunning={erase.isRunning}
      problem={erase.problem}
      onConfirm={() => void erase.run()}
      onClose={onClose}
    />
  );
}

/** The erasure of a tenant: how far it is, or the button that begins it. */
export function Erasure({ tenant, onDone }: ErasureProps) {
  const [isOpen, setOpen] = useState(false);
  const { erasure } = tenant;
  const isRunning = erasure?.state === 'running';
  return (
    <Section title="Erasure">
      {erasure === null ? (
        <p>Removes all data of the tenant, for good.</p>
      ) : (
        <>
          {isRunning ? <progress aria-label="The erasure goes on" /> : null}
          <Facts
            of={{
              State: <Badge of={isRunning ? 'running' : 'erased'} />,
              Began: <Time at={erasure.started_at} as="absolute" />,
              Ended: erasure.finished_at === null ? null : <Time at={erasure.finished_at} as="absolute" />,
              'Asked for by key': <code>{erasure.requested_by}</code>,
            }}
          />
          {isRunning ? (
            <p class="quiet">
              It looks through all stores until it finds nothing more, at least twice and some minutes apart.
            </p>
          ) : null}
        </>
      )}
      {maySee('tenants:write') && !isRunning ? (
        <div>
          <button type="button" class="danger" onClick={() => setOpen(true)}>
            {erasure === null ? 'Erase all data' : 'Erase again'}
          </button>
        </div>
      ) : null}
      {isOpen ? <EraseDialog tenant={tenant} onDone={onDone} onClose={() => setOpen(false)} /> : null}
    </Section>
  );
}

const keptColumns: readonly Column<Kept>[] = [
  { title: 'What', show: ({ what }) => what },
  { title: 'Why', show: ({ why }) => why },
  { title: 'Until', show: ({ until }) => (until === null ? 'no fixed day' : <Time at={until} as="absolute" />) },
];

function OneCertificate({ of: certificate }: { readonly of: Certificate }) {
  const { id, tenant, started_at: from, finished_at: to, passes, removed, kept, digest } = certificate;
  const save = () =>
    saveFile(
      fileName(`${tenant}-erasure-${id}`, 'json'),
      [`${JSON.stringify(certificate, null, 2)}\n`],
      'application/json',
    );
  return (
    <details>
      <summary>
        Certificate {id}, <Time at={to} as="absolute" />
      </summary>
      <div class="form">
        <Facts
          of={{
            Began: <Time at={from} as="absolute" />,
            Ended: <Time at={to} as="absolute" />,
            'Asked for by key': <code>{certificate.requested_by}</code>,
            Passes: `${passes}; the last one found nothing`,
            Digest: <code>{digest}</code>,
          }}
        />
        <h3>Removed</h3>
        {Object.keys(removed).length === 0 ? <p>There was nothing.</p> : <Facts of={removed} />}
        <h3>Kept</h3>
        <Table caption={`Kept after the erasure ${id}`} columns={keptColumns} items={kept} keyOf={({ what }) => what} />
        <div>
          <button type="button" onClick={save}>
            Download the certificate
          </button>
        </div>
      </div>
    </details>
  );
}

/** Proofs of erasures that have ended, newest first. */
export function Certificates({ tenant: { certificates } }: { readonly tenant: Tenant }) {
  if (certificates.length === 0) return null;
  return (
    <Section title="Certificates">
      {certificates.map((certificate) => (
        <OneCertificate key={certificate.id} of={certificate} />
      ))}
    </Section>
  );
}
