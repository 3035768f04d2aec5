import { useEffect, useState } from 'preact/hooks';
import { useAnswer } from '../../queries.ts';
import { href, isOperator, maySee } from '../../session.ts';
import { Done } from '../../ui/done.tsx';
import { Page } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { TenantDelivery } from './tenant-delivery.tsx';
import { Certificates, Erasure } from './tenant-erasure.tsx';
import { TenantExport } from './tenant-export.tsx';
import { TenantRetention } from './tenant-retention.tsx';

/** A tenant: how long its data is kept, how its events reach it, its export, its erasure. */
export default function TenantPage({ id }: { readonly id: string }) {
  const [isErasing, setErasing] = useState(false);
  const [said, say] = useState<string>();
  const asked = useAnswer('GET /v1/tenants/{id}', { params: { id } }, { everyMs: isErasing ? 3_000 : 30_000 });
  const tenant = asked.data;
  const runs = tenant?.erasure?.state === 'running';
  useEffect(() => setErasing(runs), [runs]);
  return (
    <Page
      title={id}
      intro={
        isOperator.value ? (
          <a href={href('/tenants')}>All tenants</a>
        ) : (
          'Your data: how long it is kept, how it reaches you, and its export.'
        )
      }
    >
      <Done>{said === undefined ? null : <p>{said}</p>}</Done>
      <Standing of={asked} what="the tenant" />
      {tenant === undefined ? null : (
        <>
          <TenantRetention key={id} tenant={tenant} onDone={say} />
          <TenantDelivery key={id} tenant={tenant} onDone={say} />
          <TenantExport key={id} tenant={id} />
          {maySee('tenants:write') || tenant.erasure !== null ? <Erasure tenant={tenant} onDone={say} /> : null}
          <Certificates tenant={tenant} />
        </>
      )}
    </Page>
  );
}
