import { useState } from 'preact/hooks';
import { type Answer, call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { isOperator, maySee } from '../../session.ts';
import { ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { Facts, Section } from '../../ui/page.tsx';

type Tenant = Answer<'GET /v1/tenants/{id}'>;
type Mode = Tenant['delivery'];

interface DeliveryProps {
  readonly tenant: Tenant;
  readonly onDone: (said: string) => void;
}

/** What each mode does, in words. */
const modes: Readonly<Record<Mode, string>> = {
  both: 'Callbacks and feed',
  push: 'Callbacks only: the tenant may not read the feed',
  pull: 'Feed only: nothing is delivered',
  shadow: 'Callbacks and feed, and a copy of each new callback to a second endpoint',
};

function EditDelivery({ tenant, onDone, onClose }: DeliveryProps & { readonly onClose: () => void }) {
  const [mode, setMode] = useState<Mode>(tenant.delivery);
  const [url, setUrl] = useState(tenant.shadow_url ?? '');
  const save = useAction(async () => {
    await call('PATCH /v1/tenants/{id}', {
      params: { id: tenant.tenant },
      body: { delivery: mode, shadow_url: url.trim() === '' ? null : url.trim() },
    });
    onClose();
    onDone('The delivery has been changed. It applies to events that arrive from the next minute on.');
    await forget('GET /v1/tenants/{id}', 'GET /v1/tenants');
  });
  return (
    <FormDialog
      title="Change the delivery"
      verb="Change"
      isRunning={save.isRunning}
      problem={save.problem}
      members={['delivery', 'shadow_url']}
      onSubmit={() => void save.run()}
      onClose={onClose}
    >
      <ChoiceField
        label="How new events reach the tenant"
        value={mode}
        onChange={(chosen) => setMode(chosen as Mode)}
        choices={modes}
        hint="After “feed only”, changing back delivers nothing of the past. A replay does."
        faults={faultsAt(save.problem, 'delivery')}
      />
      <TextField
        label="URL of the second endpoint"
        type="url"
        value={url}
        onChange={setUrl}
        hint="It is used in the last mode only. Whether it answers changes nothing of a subscription."
        faults={faultsAt(save.problem, 'shadow_url')}
      />
    </FormDialog>
  );
}

/** How new events reach a tenant: the operator's flag. */
export function TenantDelivery({ tenant, onDone }: DeliveryProps) {
  const [isOpen, setOpen] = useState(false);
  const isErasing = tenant.erasure?.state === 'running';
  return (
    <Section
      title="Delivery"
      actions={
        isOperator.value && maySee('tenants:write') ? (
          <button
            type="button"
            class="small"
            onClick={() => setOpen(true)}
            disabled={isErasing}
            title={isErasing ? 'The data is being erased.' : undefined}
          >
            Change the delivery
          </button>
        ) : undefined
      }
    >
      <Facts
        of={{
          'New events': modes[tenant.delivery],
          ...(tenant.shadow_url === null ? {} : { 'Second endpoint': tenant.shadow_url }),
        }}
      />
      {isOpen ? <EditDelivery tenant={tenant} onDone={onDone} onClose={() => setOpen(false)} /> : null}
    </Section>
  );
}
