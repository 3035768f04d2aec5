import { copied, filtered, type KeyboardPage } from '../keyboard-steps.ts';

/** The list of accounts, and how one is connected. */
export const accountPages: readonly KeyboardPage[] = [
  {
    path: () => '/accounts',
    names: {
      link: ['Connect an account', /^acc_/],
      choice: ['Integration', 'Connection'],
      field: ['Metadata'],
      region: ['Accounts'],
    },
    actions: {
      filters: filtered('Clear filters', async ({ hands }) => {
        await hands.choose('Integration', 'Zendesk');
        await hands.address(/integration=zendesk/);
        await hands.type('Metadata', 'team=none');
        await hands.address(/metadata=team/);
        await hands.sees('No account matches these filters.');
      }),
    },
  },
  {
    path: () => '/accounts/new',
    names: { link: [/./], field: [/./] },
    actions: {
      'find a provider': async ({ hands }) => {
        await hands.type(/./, 'zen');
        await hands.follow('Zendesk');
        await hands.sees('Connect Zendesk');
        await hands.keepsFocus('another page is shown');
      },
    },
  },
  {
    path: () => '/accounts/new?integration=github',
    names: {
      link: ['Choose another provider'],
      choice: ['Kind'],
      field: [/./],
      check: [/./],
      disclosure: ['More values', 'More settings', /./],
      button: ['Add metadata', 'Connect'],
    },
    actions: {
      'connect, after a fault': async ({ hands }) => {
        await hands.type('Id (optional)', 'no id');
        await hands.type('signing_secret', 's3cret');
        await hands.choose('Kind', 'None');
        await hands.push('Connect');
        await hands.isRefused('Id (optional)');
        await hands.type('Id (optional)', 'acc_typed');
        await hands.push('Connect');
        await hands.sees('has been created');
        await hands.keepsFocus('the form is replaced');
        await copied('Copy')({ hands });
        await hands.follow('To the account');
        await hands.address(/\/accounts\/acc_typed$/);
        await hands.keepsFocus('another page is shown');
      },
    },
  },
];
