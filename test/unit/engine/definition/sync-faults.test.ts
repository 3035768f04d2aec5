import { describe, expect, test } from 'vitest';
import { parseDefinition } from '../../../../lambdas/engine/definition/parse-definition.ts';
import { explainFaults, formatExplained } from '../../../../lib/cli/explain/explain-fault.ts';

/** A definition without faults; each mistake changes one of its parts. */
const valid = `name: desk
title: Desk
docs: https://developer.desk.example/api

context:
  subdomain: Your name at Desk.
  teams: { help: The teams that are read., list: true, optional: true }

api:
  base_url: https://api.desk.example/v2
  credentials:
    api_key:
      key: An API key.
      sent: { headers: { Authorization: "Token {credential.key}" } }

resources:
  ticketing/tickets:
    map: '{ "id": id }'
    version: { from: updated_at, as: time }
    get: { path: "/tickets/{id}" }
    list:
      path: /tickets
      query: { team: "{filter.team?}", status: "{filter.status?}" }
      records: tickets
      complete: true
    changes:
      path: /tickets
      query: { since: "{since | iso}", until: "{until? | iso}", team: "{filter.team?}" }
      records: tickets
      page: { number: { to: query.page }, size: 100, size_to: query.limit, order: asc }
      cursor: { lag: 2m, retention: 30d }
    deletions:
      path: /tickets/deleted
      query: { since: "{since | iso}" }
      records: tickets
      cursor: { from: deleted_at }
  ticketing/comments:
    map: '{ "id": id }'
    list: { path: "/tickets/{filter.ticket_id}/comments", records: comments }
  ticketing/users:
    map: '{ "id": id }'
    list: { path: /users, query: { team: "{filter.team}" }, records: users }
  crm/contacts:
    map: '{ "id": id }'
    changes:
      path: /contacts/feed
      query: { after: "{cursor?}" }
      records: contacts
      cursor: { kind: token, answer: next }
  files/files:
    map: '{ "id": id }'
    get: { path: "/files/{id}" }

syncs:
  tickets:
    every: 5m
    between: [1m, 1h]
    reconcile: 0 3 * * *
    time_zone: Europe/Berlin
    confirm: get
    resources:
      - { resource: ticketing/tickets, query: { updated_at: { gt: "{{previous_run_date}}" } } }
      - { resource: ticketing/comments, depends_on: ticketing/tickets, query: { ticket_id: "{{resources.ticketing.tickets.id}}" } }
  users: { resource: ticketing/users, each: { team: context.teams } }
  contacts: { resource: crm/contacts, reconcile: "off" }
`;

/** What \`validate\` says of the definition with one part changed. */
function faultsOf(from: string, to: string): readonly string[] {
  const yaml = valid.replace(from, () => to);
  if (yaml === valid) throw new Error(`the definition has no part ${from}`);
  const parsed = parseDefinition(yaml, { file: 'integration.yaml', folder: 'desk', read: () => undefined });
  const faults = parsed.kind === 'faults' ? parsed.faults : [];
  return explainFaults(yaml, faults).map(formatExplained);
}

test('the definition of these tests has no fault', () => {
  expect(faultsOf('title: Desk', 'title: A desk')).toEqual([]);
});

/** A mistake, the changed part, and the one line about it. */
type Mistake = readonly [name: string, from: string, to: string, line: string];

const ofSteps: readonly Mistake[] = [
  [
    'a resource that is misspelt',
    '{ resource: crm/contacts,',
    '{ resource: crm/contact,',
    '65:25 syncs.contacts.resource: got "crm/contact", expected a resource of this definition: ticketing/tickets, ticketing/comments, ticketing/users, crm/contacts, files/files; did you mean "crm/contacts"?',
  ],
  [
    'a resource that cannot be listed',
    '{ resource: crm/contacts,',
    '{ resource: files/files,',
    '65:25 syncs.contacts.resource: got "files/files", which has neither `list` nor `changes`, expected one that has: ticketing/tickets, ticketing/comments, ticketing/users, crm/contacts',
  ],
  [
    'a resource twice',
    '- { resource: ticketing/comments, depends_on: ticketing/tickets, query: { ticket_id: "{{resources.ticketing.tickets.id}}" } }',
    '- { resource: ticketing/tickets }',
    '63:21 syncs.tickets.resources.1.resource: got "ticketing/tickets" a second time, expected each resource once; another sync may read it with other filters',
  ],
  [
    'the call of changes, which is missing',
    '{ resource: ticketing/users,',
    '{ resource: ticketing/users, by: changes,',
    '64:43 syncs.users.by: got "changes", which ticketing/users does not have, expected "list"',
  ],
  [
    'a first call that is missing',
    '{ resource: crm/contacts,',
    '{ resource: crm/contacts, first: list,',
    '65:46 syncs.contacts.first: got "list", which crm/contacts does not have, expected "changes"',
  ],
  [
    'a first call whose rows the provider no longer keeps',
    '{ resource: ticketing/tickets,',
    '{ resource: ticketing/tickets, first: changes,',
    '62:47 syncs.tickets.resources.0.first: got "changes", but the provider keeps changes for 30d only, expected "list", which finds older records, too',
  ],
  [
    'a filter that the call does not read',
    '{ updated_at: { gt: "{{previous_run_date}}" } }',
    '{ teem: a }',
    '62:55 syncs.tickets.resources.0.query.teem: got "teem", expected a filter of ticketing/tickets.changes: team; did you mean "team"?',
  ],
  [
    'a filter that only the listing reads',
    '{ updated_at: { gt: "{{previous_run_date}}" } }',
    '{ status: open }',
    '62:57 syncs.tickets.resources.0.query.status: got "status", expected a filter of ticketing/tickets.changes: team',
  ],
  [
    'an operator that the call does not read',
    '{ updated_at: { gt: "{{previous_run_date}}" } }',
    '{ team: { gte: a } }',
    '62:62 syncs.tickets.resources.0.query.team.gte: got "team.gte", expected a filter of ticketing/tickets.changes: team',
  ],
  [
    'an unknown operator',
    '{ gt: "{{previous_run_date}}" }',
    '{ after: "{{previous_run_date}}" }',
    '62:63 syncs.tickets.resources.0.query.updated_at.after: "after" is not a key allowed here; expected one of the keys eq, gt, gte, lt, lte',
  ],
  [
    'a needed filter',
    '{ resource: ticketing/users, each: { team: context.teams } }',
    '{ resource: ticketing/users }',
    '64:22 syncs.users.resource: got no filter "team", without which ticketing/users.list cannot be called, expected it in `query`, or in `each` as { team: context.teams }',
  ],
  [
    'a value of the context that is no list',
    'context.teams',
    'context.subdomain',
    '64:53 syncs.users.each.team: got "context.subdomain", which is one value, expected a list of the context: context.teams',
  ],
  [
    'a list of the context that is misspelt',
    'context.teams',
    'context.team',
    '64:53 syncs.users.each.team: got "context.team", expected a list of the context: context.teams; did you mean "context.teams"?',
  ],
  [
    'a list without its source',
    'context.teams',
    'teams',
    '64:53 syncs.users.each.team: expected context.<name>; got "teams"',
  ],
  [
    'two lists at once',
    'each: { team: context.teams }',
    'each: { team: context.teams, status: context.teams }',
    '64:45 syncs.users.each: got 2 filters, expected one, and its list of the context',
  ],
  [
    'a filter given twice',
    'each: { team: context.teams }',
    'each: { team: context.teams }, query: { team: a }',
    '64:53 syncs.users.each.team: got a filter that `query` gives, too, expected it once',
  ],
  [
    'a parent that comes later',
    'depends_on: ticketing/tickets,',
    'depends_on: ticketing/users,',
    '63:53 syncs.tickets.resources.1.depends_on: got "ticketing/users", expected an earlier resource of this sync: ticketing/tickets; did you mean "ticketing/tickets"?',
  ],
  [
    'a parent by the name of its sync',
    'depends_on: ticketing/tickets,',
    'depends_on: tickets,',
    '63:53 syncs.tickets.resources.1.depends_on: expected <model>/<plural>, for example hris/employees; got "tickets"',
  ],
  [
    'a parent of a single resource',
    '{ resource: crm/contacts,',
    '{ resource: crm/contacts, depends_on: ticketing/tickets,',
    '65:51 syncs.contacts.depends_on: got "ticketing/tickets", expected an earlier resource of this sync: none',
  ],
  [
    'a parent that no filter reads',
    '"{{resources.ticketing.tickets.id}}"',
    '"7"',
    '63:53 syncs.tickets.resources.1.depends_on: got a parent that no filter reads, so each call would be the same; expected for example query: { ticket_id: "{{resources.ticketing.tickets.id}}" }',
  ],
  [
    'a first call of a parent',
    'depends_on: ticketing/tickets,',
    'depends_on: ticketing/tickets, first: list,',
    '63:79 syncs.tickets.resources.1.first: got `first` beside `depends_on`, expected none: records are read with their parents',
  ],
  [
    'a text that reads a resource on which it does not depend',
    '{{resources.ticketing.tickets.id}}',
    '{{resources.crm.contacts.id}}',
    '63:92 syncs.tickets.resources.1.query.ticket_id: got {{resources.crm.contacts.id}}, on which this resource does not depend, expected {{resources.ticketing.tickets.id}}',
  ],
  [
    'a text without the dependency',
    'depends_on: ticketing/tickets, ',
    '',
    '63:61 syncs.tickets.resources.1.query.ticket_id: got {{resources.ticketing.tickets.id}}, on which this resource does not depend, expected depends_on: ticketing/tickets',
  ],
  [
    'a text with an unknown name',
    '{{resources.ticketing.tickets.id}}',
    '{{ticket.id}}',
    '63:92 syncs.tickets.resources.1.query.ticket_id: got {{ticket.id}}, expected {{previous_run_date}}, or {{resources.<model>.<plural>.<member>}} of the resource in `depends_on`',
  ],
  [
    'a text with one brace',
    '"{{resources.ticketing.tickets.id}}"',
    '"{resources.ticketing.tickets.id}"',
    '63:92 syncs.tickets.resources.1.query.ticket_id: got "{resources.ticketing.tickets.id}", expected two braces around a name, as in {{previous_run_date}}',
  ],
  [
    'a misspelt date',
    '"{{previous_run_date}}"',
    '"{{previous_run}}"',
    '62:67 syncs.tickets.resources.0.query.updated_at.gt: got {{previous_run}}, expected {{previous_run_date}}, or {{resources.<model>.<plural>.<member>}} of the resource in `depends_on`',
  ],
  [
    'a part of a listing that is complete',
    '{ updated_at: { gt: "{{previous_run_date}}" } }',
    '{ team: a }',
    '62:55 syncs.tickets.resources.0.query.team: got a part of the records, but ticketing/tickets.list is `complete: true`: the others would count as deleted; expected a listing that is not',
  ],
  [
    'a listing of children that is complete',
    'list: { path: "/tickets/{filter.ticket_id}/comments", records: comments }',
    'get: { path: "/comments/{id}" }\n    list: { path: "/tickets/{filter.ticket_id}/comments", records: comments, complete: true }',
    '64:53 syncs.tickets.resources.1.depends_on: got a part of the records, but ticketing/comments.list is `complete: true`: the others would count as deleted; expected a listing that is not',
  ],
  [
    'a resource and resources',
    '    resources:\n',
    '    resource: ticketing/tickets\n    resources:\n',
    '56:5 syncs.tickets: got `resource` and `resources`, expected one of them',
  ],
  [
    'a filter outside of the resources',
    '    confirm: get\n',
    '    query: { team: a }\n',
    '60:12 syncs.tickets.query: got it beside `resources`, expected it within one of them',
  ],
  [
    'another method',
    '{ resource: crm/contacts,',
    '{ resource: crm/contacts, method: get,',
    '65:47 syncs.contacts.method: expected "list"; got "get"',
  ],
];

const ofTiming: readonly Mistake[] = [
  [
    'a short interval',
    'every: 5m',
    'every: 30s',
    '56:12 syncs.tickets.every: got "30s", expected 1m or more: syncs start once a minute',
  ],
  [
    'an interval without a unit',
    'every: 5m',
    'every: 5',
    '56:12 syncs.tickets.every: expected a duration such as 500ms, 90s, 5m, 1h or 30d; got 5; write 5s for seconds',
  ],
  [
    'an interval as other tools call it',
    'every: 5m',
    'interval: 5m',
    '56:5 syncs.tickets.interval: "interval" is not a key allowed here; expected one of the keys resource, method, query, depends_on, each, by, first, resources, every, between, cron, time_zone, emit, reconcile, snapshot, max_missing, confirm; did you mean "every"?',
  ],
  [
    'neither a resource nor resources',
    '{ resource: crm/contacts, reconcile: "off" }',
    '{ reconcile: "off" }',
    '65:13 syncs.contacts: got neither `resource` nor `resources`, expected one of them',
  ],
  [
    'bounds in the wrong order',
    '[1m, 1h]',
    '[1h, 1m]',
    '57:14 syncs.tickets.between: got [1h, 1m], expected the shorter interval first',
  ],
  [
    'bounds without the interval',
    '[1m, 1h]',
    '[10m, 1h]',
    '57:14 syncs.tickets.between: got [10m, 1h], expected bounds around `every`, which is 5m',
  ],
  [
    'bounds that are too short',
    '[1m, 1h]',
    '[10s, 1h]',
    '57:15 syncs.tickets.between.0: got "10s", expected 1m or more: syncs start once a minute',
  ],
  [
    'an interval and a cron expression',
    'every: 5m\n',
    'every: 5m\n    cron: 0 * * * *\n',
    '56:12 syncs.tickets.every: got `every` and `cron`, expected one of them',
  ],
  [
    'a cron expression that is none',
    '0 3 * * *',
    '0 25 * * *',
    '58:16 syncs.tickets.reconcile: got "0 25 * * *", expected five fields such as 0 3 * * *: CronPattern: Invalid value for hour: 25',
  ],
  [
    'a cron expression with seconds',
    '0 3 * * *',
    '0 0 3 * * *',
    "58:16 syncs.tickets.reconcile: got \"0 0 3 * * *\", expected five fields such as 0 3 * * *: CronPattern: mode '5-part' requires exactly 5 parts, but pattern '0 0 3 * * *' has 6 parts.",
  ],
  [
    'a day that never comes',
    '0 3 * * *',
    '0 3 30 2 *',
    '58:16 syncs.tickets.reconcile: got "0 3 30 2 *", which never comes',
  ],
  [
    'a time zone that is none',
    'Europe/Berlin',
    'Berlin',
    '59:16 syncs.tickets.time_zone: got "Berlin", expected a time zone such as Europe/Berlin',
  ],
  [
    'a time zone that nothing reads',
    '    reconcile: 0 3 * * *\n',
    '',
    '58:16 syncs.tickets.time_zone: got a zone that nothing reads, expected `cron` or `reconcile` too',
  ],
  [
    'a time to list what has no listing',
    'reconcile: "off"',
    'reconcile: 0 3 * * *',
    '65:50 syncs.contacts.reconcile: got a time to list all records, but no resource of the sync has a `list`, expected `off`',
  ],
  [
    'a proof that no listing gives',
    'reconcile: "off"',
    'confirm: twice',
    '65:48 syncs.contacts.confirm: got `confirm`, but no `list` of the sync is `complete: true`, so nothing is deleted by absence',
  ],
  [
    'a part of missing records that no listing tells',
    'reconcile: "off"',
    'max_missing: 0.5',
    '65:52 syncs.contacts.max_missing: got `max_missing`, but no `list` of the sync is `complete: true`, so nothing is deleted by absence',
  ],
  [
    'a part of missing records in percent',
    'confirm: get',
    'max_missing: 10',
    '60:18 syncs.tickets.max_missing: expected a number, at most 1; got 10; The part of the known records that may be absent from a complete listing. Where more are, nothing is deleted, and the sync fails.',
  ],
  [
    'a proof by a call that is missing',
    '    get: { path: "/tickets/{id}" }\n',
    '',
    '59:14 syncs.tickets.confirm: got "get", but no call reads a record of ticketing/tickets, expected "twice"',
  ],
  [
    'a snapshot of combined events',
    'reconcile: "off"',
    'emit: combined, snapshot: silent',
    '65:65 syncs.contacts.snapshot: got it beside `emit: combined`, expected it where each record has an event of its own',
  ],
  [
    'a proof of combined events',
    'confirm: get',
    'confirm: get\n    emit: combined',
    '60:14 syncs.tickets.confirm: got it beside `emit: combined`, expected it where each record has an event of its own',
  ],
];

const ofCursors: readonly Mistake[] = [
  [
    'changes that read nothing',
    'query: { after: "{cursor?}" }',
    'query: { limit: 10 }',
    '49:15 resources.crm/contacts.changes.cursor: got a token that the call does not read, expected {cursor?} in it, or `url: true` where the token is the URL of the next call',
  ],
  [
    'changes that do not read the time',
    'since: "{since | iso}", until',
    'from: all, until',
    '27:7 resources.ticketing/tickets.changes: got a call that does not read {since}, so each run would read the same, expected for example query: { updated_since: "{since | iso}" }',
  ],
  [
    'a token that the first call needs',
    '{cursor?}',
    '{cursor}',
    '46:7 resources.crm/contacts.changes: got {cursor}, which the first call does not have, expected {cursor?}',
  ],
  [
    'a token without its place',
    '{ kind: token, answer: next }',
    '{ kind: token }',
    '49:15 resources.crm/contacts.changes.cursor: got a token without `answer`, expected where the answer has the token for the next run',
  ],
  [
    'a place of a token in rows',
    '{ kind: token, answer: next }',
    '{ kind: token, answer: next, from: id }',
    '49:50 resources.crm/contacts.changes.cursor.from: got `from` of a token, expected `answer` only: rows do not have it',
  ],
  [
    'a lag of a token',
    '{ kind: token, answer: next }',
    '{ kind: token, answer: next, lag: 1m }',
    '49:49 resources.crm/contacts.changes.cursor.lag: got `lag` of a cursor that is a token, expected it of a time only',
  ],
  [
    'a settle delay of an id',
    '{ kind: token, answer: next }',
    '{ kind: id, settle: 1m }',
    '49:35 resources.crm/contacts.changes.cursor.settle: got `settle` of a cursor that is an id, expected it of a time only',
  ],
  [
    'a URL that is a time',
    '{ lag: 2m, retention: 30d }',
    '{ lag: 2m, url: true }',
    '31:31 resources.ticketing/tickets.changes.cursor.url: got a URL of a cursor that is a time, expected kind: token',
  ],
  [
    'an id that the call does not read',
    '{ lag: 2m, retention: 30d }',
    '{ kind: id }',
    '31:15 resources.ticketing/tickets.changes.cursor: got an id that the call does not read, expected {cursor?} in it',
  ],
  [
    'an unknown kind',
    '{ kind: token, answer: next }',
    '{ kind: page, answer: next }',
    '49:23 resources.crm/contacts.changes.cursor.kind: Invalid option: expected one of "time"|"id"|"token"; got "page"',
  ],
  [
    'a time without a place',
    '    version: { from: updated_at, as: time }\n',
    '',
    '30:15 resources.ticketing/tickets.changes.cursor: got no place of the time, expected `from`, `answer`, or the `version.from` or `updated` of the resource',
  ],
  [
    'a version that is no time',
    '{ from: updated_at, as: time }',
    '{ from: etag, as: opaque }',
    '31:15 resources.ticketing/tickets.changes.cursor: got a version that is opaque, which is no time, expected `from`: where a row has its time',
  ],
  [
    'an exclusive bound without the step of its times',
    '{ lag: 2m, retention: 30d }',
    '{ bound: exclusive }',
    '31:24 resources.ticketing/tickets.changes.cursor.bound: got an exclusive bound without `precision`, expected the step of its times, such as 1s, by which a run begins earlier',
  ],
  [
    'an unknown bound',
    '{ lag: 2m, retention: 30d }',
    '{ bound: after }',
    '31:24 resources.ticketing/tickets.changes.cursor.bound: Invalid option: expected one of "inclusive"|"exclusive"; got "after"',
  ],
  [
    'a lookback shorter than the lag',
    '{ lag: 2m, retention: 30d }',
    '{ lag: 2m, lookback: 1m }',
    '31:36 resources.ticketing/tickets.changes.cursor.lookback: got "1m", expected 2m or more: rows appear so long after their time (`lag`)',
  ],
  [
    'a lookback longer than the retention',
    '{ lag: 2m, retention: 30d }',
    '{ lookback: 40d, retention: 30d }',
    '31:27 resources.ticketing/tickets.changes.cursor.lookback: got "40d", expected less than the 30d for which the provider keeps changes (`retention`)',
  ],
  [
    'a retention without a listing',
    '{ kind: token, answer: next }',
    '{ kind: token, answer: next, retention: 7d }',
    '49:55 resources.crm/contacts.changes.cursor.retention: got "7d" without a `list`, expected one that the first run reads, and each run whose cursor has expired',
  ],
  [
    'pages by number without an order',
    'size_to: query.limit, order: asc }',
    'size_to: query.limit }',
    '30:23 resources.ticketing/tickets.changes.page.number: got pages by number that are in no known order: a record that changes meanwhile moves others from one page to another, and they are lost; expected the earliest change first and `order: asc`, or pages by `last` or `cursor`, or by links that hold a cursor (`next`, `link`)',
  ],
  [
    'pages by number in descending order',
    'order: asc',
    'order: desc',
    '30:83 resources.ticketing/tickets.changes.page.order: got pages by number that are in descending order: a record that changes meanwhile moves others from one page to another, and they are lost; expected the earliest change first and `order: asc`, or pages by `last` or `cursor`, or by links that hold a cursor (`next`, `link`)',
  ],
  [
    'a cap that nothing splits',
    '      cursor: { kind: token',
    '      cap: 1000\n      cursor: { kind: token',
    '49:12 resources.crm/contacts.changes.cap: got a cap, and no way to ask for less, expected {until?} in the call, or pages with the earliest change first and `order: asc`',
  ],
  [
    'a cap of all records',
    'records: tickets\n      complete: true',
    'records: tickets\n      complete: true\n      cap: 1000',
    '26:12 resources.ticketing/tickets.list.cap: got a cap, and no way to ask for less, expected it in `changes` only, or the filter `updated_at.gte` and pages with the earliest change first and `order: asc`',
  ],
  [
    'thin rows that nothing reads',
    '      cursor: { kind: token',
    '      thin: true\n      cursor: { kind: token',
    '49:13 resources.crm/contacts.changes.thin: got rows that have only ids, and neither `get` nor `batch_get`, expected one of them to read the records',
  ],
  [
    'thin rows without a time',
    '      cursor: { lag',
    '      thin: true\n      cursor: { lag',
    '32:15 resources.ticketing/tickets.changes.cursor: got rows that have only ids, and a time that is in the whole record, expected `from`: where a row has its time',
  ],
  [
    'deleted records without a time',
    'cursor: { from: deleted_at }',
    'cursor: { lag: 1m }',
    '36:15 resources.ticketing/tickets.deletions.cursor: got no `from`, expected where a row of a deleted record has its time, or `answer`',
  ],
  [
    'deleted records that read no time',
    'path: /tickets/deleted\n      query: { since: "{since | iso}" }',
    'path: /tickets/deleted',
    '33:7 resources.ticketing/tickets.deletions: got a call that does not read {since}, so each run would read the same, expected for example query: { updated_since: "{since | iso}" }',
  ],
  [
    'a listing that reads the time',
    'list: { path: /users,',
    'list: { path: "/users/{since | date}",',
    '42:19 resources.ticketing/users.list.path: got {since}, which only changes, deletions can read',
  ],
];

describe.each([
  ['what a sync reads', ofSteps],
  ['when a sync runs, and what it proves', ofTiming],
  ['where changes go on', ofCursors],
])('one line tells a mistake in %s', (_, mistakes) => {
  test.each(mistakes)('%s', (_name, from, to, line) => {
    expect(faultsOf(from, to)).toEqual([`integration.yaml:${line}`]);
  });
});
