import { useList } from '../queries.ts';
import { isOperator, maySee } from '../session.ts';
import { TextField } from './field.tsx';

interface TenantFieldProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly hint: string;
  readonly faults: readonly string[];
  readonly isRequired?: boolean;
  /** @default Tenant */
  readonly label?: string;
}

/** A tenant that an operator names; those with settings are proposed. Nothing for others: theirs is known. */
export function TenantField({ label = 'Tenant', ...field }: TenantFieldProps) {
  const tenants = useList(
    'GET /v1/tenants',
    { query: { limit: 200 } },
    { isEnabled: isOperator.value && maySee('tenants:read') },
  );
  if (!isOperator.value) return null;
  return <TextField {...field} label={label} options={(tenants.data ?? []).map((one) => one.tenant)} />;
}
