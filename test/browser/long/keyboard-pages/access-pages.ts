import { copied, type KeyboardPage, typedKey } from '../keyboard-steps.ts';

/** Keys and portal sessions. */
export const accessPages: readonly KeyboardPage[] = [
  {
    path: () => '/keys',
    names: {
      button: ['Create a key', 'Rotate doomed', 'Revoke doomed'],
      region: ['API keys'],
    },
    actions: {
      'create, after a wrong key': async (user) => {
        const { hands } = user;
        await hands.push('Create a key');
        await user.examine('Create an API key', {
          field: ['Name', 'Tenant', 'Ends (optional)', 'Calls a minute (optional)', 'Your API key'],
          check: ['For all tenants', /^\w+(:\w+)?$/],
          button: ['Close', 'Cancel', 'Create'],
        });
        await hands.type('Name', 'typed');
        await hands.type('Your API key', 'tk_wrong_wrong');
        await hands.press('Enter');
        await hands.isRefused('Your API key');
        await typedKey(user, 'Create');
        await hands.isAt('button', 'Create a key');
        await copied('Copy')(user);
        await hands.push('I have copied it');
        await hands.keepsFocus('the secret is gone');
      },
      rotate: async (user) => {
        await user.hands.push('Rotate doomed');
        await user.examine('Rotate the key doomed', {
          choice: ['The former secret works for'],
          field: ['Your API key'],
          button: ['Close', 'Cancel', 'Rotate'],
        });
        await typedKey(user, 'Rotate');
        await user.hands.isAt('button', 'Rotate doomed');
      },
      revoke: async (user) => {
        await user.hands.push('Revoke doomed');
        await user.examine('Revoke the key doomed', {
          field: ['Your API key'],
          button: ['Close', 'Cancel', 'Revoke'],
        });
        await typedKey(user, 'Revoke');
        await user.hands.page.getByRole('button', { name: 'Revoke doomed' }).waitFor({ state: 'detached' });
        await user.hands.keepsFocus('the row is gone');
      },
    },
  },
  {
    path: () => '/sessions',
    names: {
      button: ['Create a link', 'Revoke all of a tenant', /^Revoke ps/],
      region: ['Portal sessions that have not ended'],
    },
    actions: {
      create: async (user) => {
        await user.hands.push('Create a link');
        await user.examine('Create a link for a partner', {
          field: ['Tenant', 'Back leads to', /^A new link comes from/, /^Pages that show it/, 'Your API key'],
          choice: ['Lasts'],
          check: [/^\w+:\w+$/],
          button: ['Close', 'Cancel', 'Create'],
        });
        await user.hands.type('Back leads to', 'https://app.example.com/');
        await typedKey(user, 'Create');
        await user.hands.isAt('button', 'Create a link');
        await copied('Copy')(user);
        await user.hands.push('I have copied it');
        await user.hands.keepsFocus('the link is gone');
      },
      'revoke one': async (user) => {
        await user.hands.push(/^Revoke ps/);
        await user.examine('Revoke the session', { field: ['Your API key'], button: ['Close', 'Cancel', 'Revoke'] });
        await typedKey(user, 'Revoke');
        await user.hands.sees(/has ended\.$/);
        await user.hands.keepsFocus('the row is gone');
      },
      'revoke all': async (user) => {
        await user.hands.push('Revoke all of a tenant');
        await user.examine('Revoke all sessions of a tenant', {
          field: ['Tenant', 'Your API key'],
          button: ['Close', 'Cancel', 'Revoke all'],
        });
        await typedKey(user, 'Revoke all');
        await user.hands.sees(/sessions? (has|have) ended\.$/);
        await user.hands.isAt('button', 'Revoke all of a tenant');
      },
    },
  },
];
