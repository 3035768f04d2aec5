import { copied, type KeyboardPage } from '../keyboard-steps.ts';

const events = /^evt_/;

export const eventPages: readonly KeyboardPage[] = [
  {
    path: () => '/',
    names: {
      link: [/./],
      choice: ['Time'],
      disclosure: ['Values as a table'],
      region: [/./],
    },
    actions: {
      'the time': async ({ hands }) => {
        await hands.choose('Time', '7 days');
        await hands.address(/window=7d/);
      },
    },
  },
  {
    path: () => '/events',
    names: {
      link: [/^\d$/, /^acc_/, events],
      button: ['Pause'],
      field: ['Types', 'Resources', 'Integrations', 'Accounts', 'Origins', 'Record id', 'Correlation id', 'Since'],
      region: ['Events'],
    },
    actions: {
      filters: async ({ hands }) => {
        await hands.type('Types', 'record:deleted');
        await hands.press('Enter');
        await hands.address(/types=record%3Adeleted/);
        await hands.sees('There are no such events in the last 1h.');
        await hands.push('Look at the last day');
        await hands.address(/since=24h/);
        await hands.keepsFocus('another time is chosen');
        await hands.sees('There are no such events in the last 24h.');
        await hands.push('Look from the beginning');
        await hands.address(/since=beginning/);
        await hands.keepsFocus('another time is chosen');
        await hands.push('Clear filters');
        await hands.address(/events(\?tenant=acme)?$/);
        await hands.keepsFocus('filters are cleared');
      },
      'pause, look at what came, and go on': async ({ hands, running, things }) => {
        await hands.push('Pause');
        await hands.isAt('button', 'Go on');
        await running().github(things.acme.account.url, { issue: 50 });
        await hands.push('1 new event');
        await hands.keepsFocus('new events are shown');
        await hands.push('Go on', 'Space');
        await hands.isAt('button', 'Pause');
      },
    },
  },
  {
    path: ({ acme }) => `/events/${acme.event}`,
    names: {
      link: [/./],
      choice: ['Deliver it again to'],
      button: ['Copy as curl', 'Copy', 'Copy the event', 'Deliver again'],
      region: ['Body of the request', 'Data of the event'],
    },
    actions: {
      copy: copied('Copy as curl', 'Copy the event', 'Copy'),
      'deliver again': async ({ hands }) => {
        await hands.choose('Deliver it again to', 'Good one');
        await hands.push('Deliver again');
        await hands.sees('Queued:');
        await hands.isAt('button', 'Deliver again');
      },
    },
  },
  {
    path: ({ acme }) => `/records/${acme.account.id}/ticketing/tickets/${acme.record}`,
    names: {
      link: [/./],
      button: ['Read it from the provider now', 'Copy'],
      disclosure: ['Data'],
      region: [/^Data of event/],
    },
    actions: {
      'read it live': async ({ hands }) => {
        await hands.push('Read it from the provider now');
        await hands.page.getByRole('alert').first().waitFor();
        await hands.isAt('button', 'Read it from the provider now');
      },
    },
  },
  { path: () => '/catalogue', names: { link: [/./], region: ['Event types'] }, actions: {} },
  {
    path: () => '/catalogue?schema=ticketing/tickets',
    names: {
      link: [/./],
      field: ['Find'],
      button: ['Copy'],
      disclosure: ['The JSON Schema'],
      region: ['Members', /^Example of/, /^JSON Schema of/],
    },
    actions: {
      copy: copied('Copy'),
      'find and choose': async ({ hands }) => {
        await hands.type('Find', 'employees');
        await hands.follow(/^employees/);
        await hands.address(/schema=hris%2Femployees/);
        await hands.keepsFocus('another schema is chosen');
      },
    },
  },
  {
    path: () => '/catalogue?integration=github',
    names: { link: [/./], field: ['Find'], region: [/./] },
    actions: {},
  },
];
