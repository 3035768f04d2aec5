import { filtered, type KeyboardPage } from '../keyboard-steps.ts';

const retention = { field: [/^Days to keep events/, /^Days to keep requests/], button: ['Close', 'Cancel', 'Change'] };

const deliveryFields = {
  choice: ['How new events reach the tenant'],
  field: ['URL of the second endpoint'],
  button: ['Close', 'Cancel', 'Change'],
};

/** Tenants and the audit. */
export const governancePages: readonly KeyboardPage[] = [
  {
    path: () => '/tenants',
    names: { link: [/./], field: ['Open a tenant by its name'], button: ['Open'], region: [/./] },
    mayLack: ['link', 'region'],
    actions: {
      open: async ({ hands }) => {
        await hands.type('Open a tenant by its name', 'acme');
        await hands.press('Enter');
        await hands.address(/\/tenants\/acme$/);
        await hands.keepsFocus('another page is shown');
      },
    },
  },
  {
    path: () => '/tenants/acme',
    names: {
      link: ['All tenants'],
      button: ['Change the retention', 'Change the delivery', 'Export', 'Erase all data'],
    },
    actions: {
      'retention, after a fault': async (user) => {
        await user.hands.push('Change the retention');
        await user.examine('Change the retention', retention);
        await user.hands.type(/^Days to keep events/, '100000');
        await user.hands.press('Enter');
        await user.hands.isRefused(/^Days to keep events/);
        await user.hands.type(/^Days to keep events/, '7');
        await user.hands.press('Enter');
        await user.hands.closed();
        await user.hands.sees('The retention has been changed.');
        await user.hands.isAt('button', 'Change the retention');
      },
      'delivery, after a fault': async (user) => {
        await user.hands.push('Change the delivery');
        await user.examine('Change the delivery', deliveryFields);
        await user.hands.choose(
          'How new events reach the tenant',
          'Callbacks and feed, and a copy of each new callback to a second endpoint',
        );
        await user.hands.push('Change');
        await user.hands.isRefused('URL of the second endpoint');
        await user.hands.choose('How new events reach the tenant', 'Callbacks only');
        await user.hands.push('Change');
        await user.hands.closed();
        await user.hands.sees(/^The delivery has been changed/);
        await user.hands.isAt('button', 'Change the delivery');
      },
      export: async ({ hands }) => {
        await hands.push('Export');
        await hands.sees(/^Done: \d+ objects/);
        await hands.keepsFocus('the export has ended');
        await hands.push('Save the file again');
        await hands.isAt('button', 'Save the file again');
        await hands.to('button', 'Export again');
      },
    },
  },
  {
    path: () => '/tenants/doomed',
    names: {
      link: ['All tenants'],
      button: ['Change the retention', 'Change the delivery', 'Export', 'Erase all data'],
    },
    actions: {
      erase: async (user) => {
        const { hands } = user;
        await hands.push('Erase all data');
        await user.examine('Erase all data of doomed', { button: ['Close', 'Keep it as it is', 'Go on'] });
        await hands.push('Go on');
        await hands.type(/^To confirm/, 'doomed');
        await hands.push('Erase');
        await hands.closed();
        await hands.sees('The erasure of doomed has begun.');
        await hands.keepsFocus('the erasure has begun');
      },
    },
  },
  {
    path: () => '/audit',
    names: {
      field: ['Operation', 'Object', 'Key', 'From', 'To'],
      disclosure: [/^What changed in aud_/],
      region: ['Entries of the audit'],
    },
    actions: {
      filters: filtered('Clear filters', async ({ hands }) => {
        await hands.type('Operation', 'nothing');
        await hands.address(/operation=nothing/);
        await hands.sees('No entry matches these filters.');
      }),
    },
  },
  { path: () => '/nowhere', names: { link: ['To the overview'] }, actions: {} },
];
