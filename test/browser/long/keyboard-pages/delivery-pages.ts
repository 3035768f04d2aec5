import { confirm, confirmed, copied, filtered, type KeyboardPage } from '../keyboard-steps.ts';

const events = /^evt_/;
const requests = /^(Show its request|Its request is shown below)$/;

/** Deliveries and errors. */
export const deliveryPages: readonly KeyboardPage[] = [
  {
    path: () => '/deliveries',
    names: {
      link: ['record:created', /^sub_/],
      choice: ['Subscription', 'State'],
      field: [/^(Last status|Event types|Resources|Integration|Account|Record id|Event id|Since|Until)$/],
      region: ['Deliveries'],
    },
    actions: {
      filters: filtered('Clear filters', async ({ hands }) => {
        await hands.choose('State', 'cancelled');
        await hands.address(/state=cancelled/);
        await hands.type('Last status', '418');
        await hands.address(/status=418/);
        await hands.sees('No delivery matches these filters.');
      }),
    },
  },
  {
    path: ({ acme }) => `/deliveries/${acme.delivery}`,
    names: {
      link: [events, /./],
      button: ['Redeliver…', requests, 'Copy as curl', 'Copy', 'Copy as it is sent'],
      disclosure: ['Signature explained'],
      region: [/./],
    },
    actions: {
      copy: copied('Copy as curl', 'Copy as it is sent'),
      redeliver: async (user) => {
        await user.hands.push('Redeliver…');
        await confirmed(user, 'Send the event again', confirm('Redeliver'), 'Redeliver');
        // The button is gone until the new attempt has ended; then the part of the page that it was in has the focus.
        await user.hands.keepsFocus('the event is sent again');
        await user.hands.to('button', 'Redeliver…');
      },
    },
  },
  {
    path: ({ acme }) => `/deliveries/${acme.failedDelivery}`,
    names: {
      link: [events, /./],
      button: ['Retry now', 'Cancel the delivery…', requests, 'Copy as curl', 'Copy', 'Copy as it is sent'],
      disclosure: ['Signature explained'],
      region: [/./],
    },
    actions: {
      'retry, and look at an attempt': async ({ hands }) => {
        await hands.push('Retry now');
        await hands.sees('The next attempt is queued. It appears below.');
        await hands.isAt('button', 'Retry now');
        await hands.push('Show its request');
        await hands.address(/attempt=1/);
        await hands.isAt('button', 'Its request is shown below');
      },
      cancel: async (user) => {
        await user.hands.push('Cancel the delivery…');
        await confirmed(user, 'Cancel this delivery', confirm('Cancel the delivery'), 'Keep it as it is');
        await user.hands.isAt('button', 'Cancel the delivery…');
        await user.hands.press('Enter');
        await confirmed(user, 'Cancel this delivery', confirm('Cancel the delivery'), 'Cancel the delivery');
        await user.hands.sees('The delivery is cancelled');
        await user.hands.keepsFocus('the delivery is cancelled');
      },
    },
  },
  {
    path: () => '/errors',
    names: {
      link: [/^sub_/, 'Latest delivery', 'All of these deliveries'],
      choice: ['Time', 'Subscription'],
      button: [/^Replay… Status 500/],
      region: [/^Beginning of the latest answer/],
    },
    actions: {
      replay: async (user) => {
        const { hands } = user;
        await hands.push(/^Replay… Status 500/);
        await hands.sees(/events in the window would be sent/);
        await user.examine('Replay failed deliveries', { button: ['Close', 'Count again', /^Replay \d/] });
        await hands.push('Count again');
        await hands.isAt('button', 'Count again');
        await hands.push(/^Replay \d/);
        await hands.sees(/Replay rpl_/);
        await hands.keepsFocus('the replay is started');
        await hands.press('Escape');
        await hands.closed();
      },
      filters: filtered('Clear filters', async ({ hands }) => {
        await hands.choose('Time', 'Last 7');
        await hands.address(/window=7d/);
        await hands.choose('Subscription', 'Good one');
        await hands.address(/subscription=sub_acme/);
      }),
    },
  },
];
