import { confirm, confirmed, copied, type KeyboardPage, type Things } from '../keyboard-steps.ts';

import { shapingFields, tabsOfSubscription } from './subscription-names.ts';

/** A tab of the good subscription, or of another one. */
const tabOf = (things: Things, tab: string) => `/subscriptions/${things.acme.subscription}?tab=${tab}`;

/** The other tabs of a subscription, and the playground. */
export const subscriptionTabPages: readonly KeyboardPage[] = [
  {
    path: (things) => tabOf(things, 'test'),
    names: {
      link: tabsOfSubscription,
      choice: ['Event type'],
      field: ['Resource'],
      button: [/^Send: /],
    },
    actions: {
      'every test': async ({ hands }) => {
        for (const kind of [
          'ordinary event',
          'duplicate',
          'out of order',
          'delayed',
          'burst',
          'bad signature',
          'old timestamp',
          'large event',
        ]) {
          await hands.push(`Send: ${kind}`);
          await hands.isAt('button', `Send again: ${kind}`);
        }
      },
      'a fault': async ({ hands }) => {
        await hands.type('Resource', 'no such');
        await hands.push('Send: ordinary event');
        await hands.page.locator('.faults').first().waitFor();
        await hands.isAt('button', 'Send: ordinary event');
      },
    },
  },
  {
    path: (things) => tabOf(things, 'secrets'),
    names: { link: tabsOfSubscription, button: ['Rotate…'], region: ['Secrets'] },
    actions: {
      rotate: async (user) => {
        await user.hands.push('Rotate…');
        const dialog = { choice: ['Overlap'], button: ['Close', 'Keep it as it is', 'Rotate'] };
        await confirmed(user, 'Rotate the secret', dialog, 'Rotate');
        await user.hands.isAt('button', 'Rotate…');
        await copied('Copy')(user);
        await user.hands.push('I have copied it');
        await user.hands.keepsFocus('the secret is gone');
      },
    },
  },
  {
    path: ({ busy }) => `/subscriptions/${busy.subscription}?tab=replays&tenant=busy`,
    names: {
      link: tabsOfSubscription,
      choice: ['What to send'],
      field: ['Events since', 'Events until', 'Events per second'],
      button: ['Count first', 'Start the replay'],
    },
    actions: {
      'replay, after a fault, and cancel it': async (user) => {
        const { hands } = user;
        await hands.choose('What to send', 'Everything');
        await hands.type('Events per second', 'many');
        await hands.push('Count first');
        await hands.isRefused('Events per second');
        await hands.type('Events per second', '1');
        await hands.push('Count first');
        await hands.isAt('button', 'Count again');
        await hands.push(/^Replay \d/);
        await hands.sees(/Replay rpl_\w+ is running/);
        await hands.keepsFocus('the replay is started');
        await hands.push('Cancel…');
        await confirmed(user, 'Cancel this replay', confirm('Cancel the replay'), 'Cancel the replay');
        await hands.sees(/Replay rpl_\w+ was cancelled/);
        await hands.keepsFocus('the replay is cancelled');
      },
    },
  },
  {
    path: () => '/subscriptions/sub_doomed?tab=delete',
    names: { link: tabsOfSubscription, button: ['Delete the subscription…'] },
    actions: {
      delete: async (user) => {
        await user.hands.push('Delete the subscription…');
        await confirmed(user, 'Delete sub_doomed', confirm('Delete'), 'Delete');
        await user.hands.sees('The subscription is deleted.');
      },
    },
  },
  {
    path: ({ acme }) => `/playground?event=${acme.event}`,
    names: {
      link: ['To the event'],
      choice: ['Recent event', 'Options of a subscription', ...shapingFields.choice],
      field: ['Event id', ...shapingFields.field],
      button: ['Copy'],
      region: ['Body', 'Stored event'],
    },
    actions: {
      copy: copied('Copy'),
      'try a filter, and save it': async (user) => {
        const { hands } = user;
        await hands.choose('Options of a subscription', 'Good one');
        await hands.address(/subscription=sub_acme/);
        // What is stored fills the fields when it arrives.
        await hands.page.getByRole('button', { name: /^Save to sub_acme/ }).waitFor();
        await hands.type('Filter', 'data.id = "0"');
        await hands.sees('The filter does not pass this event.');
        await hands.push(/^Save to sub_acme…/);
        await confirmed(user, 'Save to sub_acme', confirm('Save'), 'Save');
        await hands.sees('Saved. New deliveries keep to it.');
      },
    },
  },
];
