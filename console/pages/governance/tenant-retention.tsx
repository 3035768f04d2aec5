import { useState } from 'preact/hooks';
import { type Answer, call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { faultsAt, TextField } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { Facts, Section } from '../../ui/page.tsx';

export type Tenant = Answer<'GET /v1/tenants/{id}'>;

interface RetentionProps {
  readonly tenant: Tenant;
  readonly onDone: (said: string) => void;
}

const days = (count: number) => (count === 1 ? '1 day' : `${count} days`);

function EditRetention({ tenant, onDone, onClose }: RetentionProps & { readonly onClose: () => void }) {
  const [events, setEvents] = useState(String(tenant.retention.events_days));
  const [raw, setRaw] = useState(String(tenant.retention.raw_days));
  const save = useAction(async () => {
    const number = (text: string) => (text.trim() === '' ? null : Number(text));
    await call('PATCH /v1/tenants/{id}', {
      params: { id: tenant.tenant },
      body: { retention: { events_days: number(events), raw_days: number(raw) } },
    });
    onClose();
    onDone('The retention has been changed. It applies to data that arrives from the next minute on.');
    await forget('GET /v1/tenants/{id}', 'GET /v1/tenants');
  });
  return (
    <FormDialog
      title="Change the retention"
      verb="Change"
      isRunning={save.isRunning}
      problem={save.problem}
      members={['retention.events_days', 'retention.raw_days']}
      onSubmit={() => void save.run()}
      onClose={onClose}
    >
      <TextField
        label="Days to keep events and deliveries"
        type="number"
        value={events}
        onChange={setEvents}
        hint="Empty: as long as the deployment keeps them, which is the most."
        faults={faultsAt(save.problem, 'retention.events_days')}
      />
      <TextField
        label="Days to keep requests of providers"
        type="number"
        value={raw}
        onChange={setRaw}
        hint="They are needed to process requests again after a mapping was mended."
        faults={faultsAt(save.problem, 'retention.raw_days')}
      />
      <p class="quiet">What is stored already keeps the time that it had when it came.</p>
    </FormDialog>
  );
}

/** How long the data of a tenant is kept. */
export function TenantRetention({ tenant, onDone }: RetentionProps) {
  const [isOpen, setOpen] = useState(false);
  const { retention, erasure } = tenant;
  const isErasing = erasure?.state === 'running';
  return (
    <Section
      title="Retention"
      actions={
        maySee('tenants:write') ? (
          <button
            type="button"
            class="small"
            onClick={() => setOpen(true)}
            disabled={isErasing}
            title={isErasing ? 'The data is being erased.' : undefined}
          >
            Change the retention
          </button>
        ) : undefined
      }
    >
      <Facts
        of={{
          'Events, their data and deliveries': days(retention.events_days),
          'Requests of providers': days(retention.raw_days),
        }}
      />
      {isOpen ? <EditRetention tenant={tenant} onDone={onDone} onClose={() => setOpen(false)} /> : null}
    </Section>
  );
}
