export const tabsOfSubscription = ['Health', 'Edit', 'Test', 'Secrets', 'Replays', 'Delete'];

export const shapingFields = {
  field: ['Filter', 'Transform'],
  choice: ['Fields', 'Envelope'],
};

/** What the form of a subscription has, to create one and to change it. */
export const subscriptionForm = {
  field: [
    'Address',
    'Description',
    'Types',
    'Resources',
    'Integrations',
    'Accounts',
    ...shapingFields.field,
    'Schema versions',
    'Encrypted fields',
    'Public key of the receiver',
    'Requests per second',
    'Requests at the same time',
    'Time to answer, in seconds',
    'Waits between attempts',
    'Latest attempt, in seconds after the first',
    'Disable after so many seconds of failures only',
  ],
  choice: [
    'Send events to',
    ...shapingFields.choice,
    'Former values',
    'Authentication',
    'Client certificate',
    'Signatures',
    'Order',
  ],
  check: ['Send several events in one request'],
  disclosure: [
    'Choose from what is known',
    'Filter and body',
    'Schema versions, former values and encryption',
    'Authentication, headers and signatures',
    'Order, speed and retries',
    'Metadata',
  ],
};

/** What lists propose, such as `hris/employees`, `record:*`, `github`. */
export const proposal = /^[\w*.:/@-]+$/;
