import { Json } from '../../ui/copy.tsx';
import { type Destination, permissionPolicyOf, trustPolicyOf } from './destination.ts';

/** The two policies of the role that a destination in AWS needs, to copy. */
export function RolePolicies({ of }: { readonly of: Destination }) {
  if (of.type === 'http') return null;
  return (
    <div class="stack">
      <p>
        The role <code>{of.role_arn}</code> must trust Tributary, and may send. Until it does, attempts fail and are
        tried again. The external id belongs to this subscription alone: keep it in the policy.
      </p>
      <h3>Trust policy of the role</h3>
      <Json value={trustPolicyOf(of)} label="Trust policy of the role" />
      <h3>Permissions of the role</h3>
      <Json value={permissionPolicyOf(of)} label="Permissions of the role" />
    </div>
  );
}
