/**
 * Types of events about the engine itself. They are delivered like events of providers, to subscriptions that name the
 * type. To add a type, add a line here and the call that reports it.
 */
export const operationalTypes = {
  'subscription.disabling':
    'All its deliveries fail, and 50, 75 or 90 % of the time until it is disabled has passed; or its filter or transform was stopped.',
  'subscription.disabled': 'It was disabled, because its deliveries failed for too long or its endpoint answered 410.',
  'subscription.recovered': 'Its endpoint accepts callbacks again.',
  'delivery.exhausted': 'A delivery has no attempts left; it can be replayed.',
  'account.auth_failed':
    'The provider refuses the credentials of an account; its reads wait until it is connected again.',
  'account.recovered': 'An account whose credentials were refused has new ones.',
  'sync.failing': 'The runs of a sync fail one after the other; it is tried at longer intervals.',
  'sync.recovered': 'A run of a sync that failed has succeeded.',
  'sync.drift': 'A reconciliation found changes that neither webhooks nor polls had told.',
} as const;

export type OperationalType = keyof typeof operationalTypes;
