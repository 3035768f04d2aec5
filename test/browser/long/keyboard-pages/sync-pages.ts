import { confirm, confirmed, filtered, type KeyboardPage } from '../keyboard-steps.ts';

/** Syncs. */
export const syncPages: readonly KeyboardPage[] = [
  {
    path: () => '/syncs',
    names: { link: [/^(issues|doomed|acc_\w+)$/], choice: ['Status'], region: ['Syncs'] },
    actions: {
      filters: filtered('Clear filters', async ({ hands }) => {
        await hands.choose('Status', 'rate');
        await hands.address(/status=rate-limited/);
        await hands.sees('No sync has this status.');
      }),
    },
  },
  {
    path: ({ acme }) => `/accounts/${acme.account.id}/syncs/${acme.sync}`,
    names: {
      link: [/./],
      button: ['Run now', 'Pause', 'Reset', 'Remove', 'Change the schedule'],
      region: [/./],
      disclosure: [/./],
    },
    mayLack: ['region', 'disclosure'],
    actions: {
      'change the schedule, after a fault': async (user) => {
        const { hands } = user;
        await hands.push('Change the schedule');
        await user.examine(
          'Change the schedule of issues',
          {
            choice: [/./],
            field: [/./],
            disclosure: ['What it does with what it finds'],
            button: ['Close', 'Cancel', 'Change'],
          },
          ['field'],
        );
        await hands.choose('Runs', 'At an interval');
        await hands.type('Interval', 'often');
        await hands.press('Enter');
        await hands.isRefused('Interval');
        await hands.type('Interval', '10m');
        await hands.press('Enter');
        await hands.closed();
        await hands.sees('The schedule has been changed.');
        await hands.isAt('button', 'Change the schedule');
      },
      'pause and resume': async ({ hands }) => {
        await hands.push('Pause');
        await hands.isAt('button', 'Resume');
        await hands.press('Space');
        await hands.isAt('button', 'Pause');
      },
      run: async (user) => {
        await user.hands.push('Run now');
        await user.examine('Run the sync issues', { choice: ['What to read'], button: ['Close', 'Cancel', 'Run'] });
        await user.hands.choose('What to read', 'A stretch');
        await user.examine('Run the sync issues', {
          choice: ['What to read'],
          field: ['From', 'To'],
          button: ['Close', 'Cancel', 'Run'],
        });
        await user.hands.push('Run');
        await user.hands.closed();
        await user.hands.isAt('button', 'Run now');
      },
      reset: async (user) => {
        await user.hands.push('Reset');
        await user.examine('Reset the sync issues', { button: ['Close', 'Keep it as it is', 'Go on'] });
        await user.hands.push('Go on');
        await user.hands.sees('Step 2 of 2');
        await user.hands.keepsFocus('the second step');
        await user.hands.push('Back');
        await user.hands.sees('Step 1 of 2');
        await user.hands.keepsFocus('the first step');
        await user.hands.push('Go on');
        await user.hands.type(/^To confirm/, 'issues');
        await user.examine('Reset the sync issues', { field: [/^To confirm/], button: ['Close', 'Back', 'Reset'] });
        await user.hands.push('Reset');
        await user.hands.closed();
        await user.hands.isAt('button', 'Reset');
      },
    },
  },
  {
    path: ({ acme }) => `/accounts/${acme.account.id}/syncs/doomed`,
    names: { link: [/./], button: [/./], region: [/./] },
    mayLack: ['region'],
    actions: {
      remove: async (user) => {
        await user.hands.push('Remove');
        await confirmed(user, 'Remove the sync doomed', confirm('Remove'), 'Remove');
        await user.hands.address(/tab=syncs$/);
        await user.hands.keepsFocus('another page is shown');
      },
    },
  },
];
