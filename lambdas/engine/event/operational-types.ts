/**
 * What the engine itself has to say, by type: delivered on the same rails as the events of providers, to
 * subscriptions that name its type. Adding one is a line here, and the call that reports it.
 */
export const operationalTypes = {
  'subscription.disabling':
    'Nothing but failures: 50, 75 or 90 % of the way to being disabled; or its filter or transform was stopped.',
  'subscription.disabled': 'Disabled: by failures, or because its endpoint answered 410.',
  'subscription.recovered': 'Its endpoint takes callbacks again.',
  'delivery.exhausted': 'A delivery is tried no more; it can be replayed.',
} as const;

export type OperationalType = keyof typeof operationalTypes;
