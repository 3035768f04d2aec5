import type { Entry } from '../../engine-client.ts';
import { type Listed, useList } from '../../queries.ts';
import { maySee, tenant } from '../../session.ts';
import { ChoiceField } from '../../ui/field.tsx';
import { LateTextField } from '../../ui/late-field.tsx';

type Subscription = Entry<'GET /v1/subscriptions'>;

/** Subscriptions that the caller may see. The same call as that of the finder. */
export function useSubscriptions(everyMs?: number): Listed<Subscription> {
  return useList(
    'GET /v1/subscriptions',
    { query: { limit: 200 } },
    { everyMs, isEnabled: maySee('subscriptions:read') },
  );
}

/** Whether a subscription gets events of the tenant that an operator has chosen. */
export function servesChosenTenant(subscription: Pick<Subscription, 'tenant'>): boolean {
  return tenant.value === undefined || subscription.tenant === null || subscription.tenant === tenant.value;
}

export function nameOf({ id, description }: Pick<Subscription, 'id' | 'description'>): string {
  return description === null ? id : `${description} (${id})`;
}

interface SubscriptionChoiceProps {
  readonly label?: string;
  /** Id; empty for none. */
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** Text of the choice of none. */
  readonly none: string;
  readonly hint?: string;
  readonly faults?: readonly string[];
}

/** One of the subscriptions; its id is typed where there are too many to list. */
export function SubscriptionChoice({ label = 'Subscription', value, none, ...field }: SubscriptionChoiceProps) {
  const { data = [], hasMore } = useSubscriptions();
  const shown = data.filter(servesChosenTenant);
  if (hasMore) {
    const ids = shown.map(({ id }) => id);
    return <LateTextField {...field} label={label} value={value} options={ids} placeholder={none} />;
  }
  const choices = new Map(shown.map((one) => [one.id, nameOf(one)]));
  if (value !== '' && !choices.has(value)) choices.set(value, value);
  return <ChoiceField {...field} label={label} value={value} choices={{ '': none, ...Object.fromEntries(choices) }} />;
}
