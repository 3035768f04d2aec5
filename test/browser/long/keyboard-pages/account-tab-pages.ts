import { confirm, confirmed, copied, type KeyboardPage } from '../keyboard-steps.ts';

const tabsOfAccount = ['Status', 'Webhooks', 'Limits', 'Syncs'];

/** One account. */
export const accountTabPages: readonly KeyboardPage[] = [
  {
    path: ({ acme }) => `/accounts/${acme.account.id}`,
    names: {
      link: [...tabsOfAccount, 'Events', 'documentation of GitHub', 'watch the events of this account'],
      button: [
        'Copy',
        'Connect by consent',
        'Enter credentials',
        'Replace secrets',
        'Change the context',
        'Change the settings',
        'Delete the account',
      ],
      region: ['Webhook URL'],
    },
    actions: {
      copy: copied('Copy'),
      'consent, which this deployment has no client for': async ({ hands }) => {
        await hands.push('Connect by consent');
        await hands.page.getByRole('alert').first().waitFor();
        await hands.isAt('button', 'Connect by consent');
      },
      'enter credentials': async (user) => {
        await user.hands.push('Enter credentials');
        await user.examine(
          'Replace the credentials',
          {
            choice: ['Kind'],
            field: [/./],
            disclosure: [/./],
            button: ['Close', 'Cancel', 'Try and store'],
          },
          ['disclosure', 'field'],
        );
        await user.hands.push('Cancel');
        await user.hands.closed();
        await user.hands.isAt('button', 'Enter credentials');
      },
      'replace secrets': async (user) => {
        await user.hands.push('Replace secrets');
        const dialog = {
          field: [/^signing_secret/, 'The former signing_secret'],
          disclosure: ['During a rotation'],
          button: ['Close', 'Cancel', 'Store'],
        };
        await user.examine('Replace the secrets of the webhooks', dialog);
        await user.hands.type(/^signing_secret/, 's3cret');
        await user.hands.press('Enter');
        await user.hands.closed();
        await user.hands.sees('The secrets have been stored.');
        await user.hands.isAt('button', 'Replace secrets');
      },
      'change the context': async (user) => {
        await user.hands.push('Change the context');
        await user.examine('Change the context', {
          field: [/./],
          disclosure: ['More values'],
          button: ['Close', 'Cancel', 'Store'],
        });
        await user.hands.push('Store');
        await user.hands.closed();
        await user.hands.isAt('button', 'Change the context');
      },
      'change the settings, after a fault': async (user) => {
        await user.hands.push('Change the settings');
        await user.examine('Change the settings', {
          field: ['Name', /^Address of the API/, /^Share of/, /^Addresses that may/],
          check: ['Poll the account'],
          button: ['Close', 'Cancel', 'Store', 'Add metadata'],
        });
        await user.hands.type(/^Share of/, '900');
        await user.hands.push('Store');
        await user.hands.isRefused(/^Share of/);
        await user.hands.type(/^Share of/, '50');
        await user.hands.type(/^Addresses that may/, 'everywhere');
        await user.hands.push('Store');
        await user.hands.isRefused(/^Addresses that may/);
        await user.hands.press('Control+a');
        await user.hands.press('Delete');
        await user.hands.to('field', 'Name');
        await user.hands.press('Enter');
        await user.hands.closed();
        await user.hands.isAt('button', 'Change the settings');
      },
    },
  },
  {
    path: ({ acme }) => `/accounts/${acme.account.id}?tab=webhooks`,
    names: { link: [...tabsOfAccount, 'Events'], choice: ['Time'], region: ['Rejected requests by reason'] },
    actions: {
      'the time': async ({ hands }) => {
        await hands.choose('Time', '7 days');
        await hands.address(/window=7d/);
      },
    },
  },
  {
    path: ({ acme }) => `/accounts/${acme.account.id}?tab=limits`,
    names: { link: [...tabsOfAccount, 'Events'] },
    actions: {},
  },
  {
    path: ({ acme }) => `/accounts/${acme.account.id}?tab=syncs`,
    names: {
      link: [...tabsOfAccount, 'Events', 'issues', 'doomed'],
      button: ['Run all now'],
      region: ['Syncs of the account'],
    },
    actions: {
      'run all': async ({ hands }) => {
        await hands.push('Run all now');
        await hands.sees(/runs? begins?\./);
        await hands.isAt('button', 'Run all now');
      },
    },
  },
  {
    path: () => '/accounts/acc_doomed',
    names: {
      link: [...tabsOfAccount, 'Events', 'documentation of GitHub', 'watch the events of this account'],
      button: [/./],
      region: ['Webhook URL'],
    },
    actions: {
      delete: async (user) => {
        await user.hands.push('Delete the account');
        await confirmed(user, 'Delete acc_doomed', confirm('Delete'), 'Delete');
        await user.hands.address(/\/accounts$/);
        await user.hands.keepsFocus('another page is shown');
      },
    },
  },
];
