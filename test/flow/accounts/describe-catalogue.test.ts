import { expect, test } from 'vitest';
import { parseDefinition } from '../../../lambdas/engine/definition/parse-definition.ts';
import { describeIntegration } from '../../../lambdas/flows/accounts/describe-catalogue.ts';

const yaml = `name: desk
title: Desk
docs: https://developer.desk.example/api
context: { teams: { help: The teams., list: true, optional: true } }
api:
  base_url: https://api.desk.example/v2
  credentials: { bearer: { token: A token. } }
resources:
  ticketing/tickets:
    map: '{ "id": id }'
    version: { from: updated_at, as: time }
    list: { path: /tickets, query: { team: "{filter.team?}" }, records: $ }
    changes: { path: /tickets, query: { team: "{filter.team?}", since: "{since | iso}" }, records: $ }
  ticketing/comments:
    map: '{ "id": id }'
    list: { path: "/tickets/{filter.ticket_id}/comments", records: $ }
syncs:
  tickets: { resource: ticketing/tickets, each: { team: context.teams } }
  all:
    cron: 0 3 * * *
    time_zone: Europe/Berlin
    reconcile: "off"
    emit: combined
    resources:
      - { resource: ticketing/tickets }
      - resource: ticketing/comments
        depends_on: ticketing/tickets
        query: { ticket_id: "{{resources.ticketing.tickets.id}}" }
`;

test('the catalogue tells what an integration polls, with the defaults in place', () => {
  const parsed = parseDefinition(yaml, { file: 'integration.yaml', folder: 'desk', read: () => undefined });
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  expect(describeIntegration(parsed.definition, new Map()).syncs).toEqual([
    {
      id: 'tickets',
      resources: [
        {
          resource: 'ticketing/tickets',
          by: 'changes',
          query: {},
          depends_on: null,
          each: { team: 'context.teams' },
        },
      ],
      every: '5m',
      between: null,
      cron: null,
      time_zone: 'UTC',
      reconcile: null,
      emit: 'records',
      snapshot: 'events',
    },
    {
      id: 'all',
      resources: [
        { resource: 'ticketing/tickets', by: 'changes', query: {}, depends_on: null, each: null },
        {
          resource: 'ticketing/comments',
          by: 'list',
          query: { ticket_id: '{{resources.ticketing.tickets.id}}' },
          depends_on: 'ticketing/tickets',
          each: null,
        },
      ],
      every: null,
      between: null,
      cron: '0 3 * * *',
      time_zone: 'Europe/Berlin',
      reconcile: 'off',
      emit: 'combined',
      snapshot: 'events',
    },
  ]);
});
