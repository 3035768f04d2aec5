import { confirm, confirmed, copied, filtered, type KeyboardPage, type Things } from '../keyboard-steps.ts';

import { proposal, subscriptionForm, tabsOfSubscription } from './subscription-names.ts';

/** A tab of the good subscription, or of another one. */
const tabOf = (things: Things, tab: string) => `/subscriptions/${things.acme.subscription}?tab=${tab}`;

/** The list of subscriptions, the form, and the health of one. */
export const subscriptionPages: readonly KeyboardPage[] = [
  {
    path: () => '/subscriptions',
    names: {
      link: ['New subscription', /^(Good one of acme|sub_\w+)$/],
      choice: ['Status', 'Health'],
      field: ['Name, id or address', 'Metadata'],
      region: ['Subscriptions'],
    },
    actions: {
      filters: filtered('Clear filters', async ({ hands }) => {
        await hands.choose('Status', 'disabled');
        await hands.address(/status=disabled/);
        await hands.choose('Health', 'Failing');
        await hands.address(/health=failing/);
        await hands.type('Name, id or address', 'nowhere');
        await hands.address(/text=nowhere/);
        await hands.sees('No subscription matches these filters.');
      }),
    },
  },
  {
    path: () => '/subscriptions/new',
    names: {
      ...subscriptionForm,
      field: [...subscriptionForm.field, 'Id', 'Tenant'],
      button: ['Create the subscription', 'Add headers', 'Add metadata', proposal],
    },
    actions: {
      'create, after a fault': async ({ hands, things }) => {
        await hands.push('Create the subscription');
        await hands.isRefused('Address');
        await hands.type('Address', things.acme.receiver.url);
        await hands.type('Id', 'sub_typed');
        await hands.to('disclosure', 'Choose from what is known');
        await hands.press('Enter');
        await hands.push('record:*', 'Space');
        await hands.isAt('button', 'record:*');
        await hands.to('disclosure', 'Metadata');
        await hands.press('Enter');
        await hands.push('Add metadata');
        await hands.isAt('button', 'Add metadata');
        await hands.type('Name 1 of metadata', 'team');
        await hands.push('Remove team');
        await hands.keepsFocus('a row is removed');
        await hands.push('Create the subscription');
        await hands.sees('The subscription is created');
        await hands.keepsFocus('the form is replaced');
        await copied('Copy')({ hands });
        await hands.push('I have copied it');
        await hands.keepsFocus('the secret is gone');
        await hands.follow('To the subscription');
        await hands.address(/\/subscriptions\/sub_typed$/);
        await hands.keepsFocus('another page is shown');
      },
    },
  },
  {
    path: ({ acme }) => `/subscriptions/${acme.subscription}`,
    names: {
      link: [...tabsOfSubscription, 'Search all of its deliveries', 'record:created'],
      button: ['Disable…'],
      region: ['Last deliveries'],
    },
    actions: {
      'disable and enable': async (user) => {
        await user.hands.push('Disable…');
        await confirmed(user, 'Disable this subscription', confirm('Disable'), 'Disable');
        await user.hands.isAt('button', 'Enable…');
        await user.hands.press('Enter');
        const dialog = { ...confirm('Enable'), check: ['Also send what it missed'] };
        await confirmed(user, 'Enable this subscription', dialog, 'Enable');
        await user.hands.isAt('button', 'Disable…');
      },
    },
  },
  {
    path: (things) => tabOf(things, 'edit'),
    names: {
      ...subscriptionForm,
      link: [...tabsOfSubscription, 'Try changes on an event in the playground'],
      button: ['Save the changes', 'Add headers', 'Add metadata', proposal],
    },
    actions: {
      'save, after a fault in a part that was closed again': async ({ hands }) => {
        await hands.to('disclosure', 'Filter and body');
        await hands.press('Enter');
        await hands.type('Filter', 'data.(');
        await hands.push('Save the changes');
        await hands.isRefused('Filter');
        await hands.type('Filter', 'true');
        await hands.push('Save the changes');
        await hands.sees('Saved: filter.');
        await hands.isAt('button', 'Save the changes');
      },
    },
  },
];
