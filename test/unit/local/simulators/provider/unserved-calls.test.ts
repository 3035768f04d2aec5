import { expect, test } from 'vitest';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import { deskExchanges, simulatedDesk } from './simulated-desk.ts';
import { useSimulators } from './simulator-calls.ts';

const start = useSimulators();

type Resources = NonNullable<Definition['resources']>;

/** The desk with another list of companies. */
function deskWith(list: object): Definition {
  const { resources = {} } = simulatedDesk;
  const companies = resources['crm/companies'];
  const changed = { ...resources, 'crm/companies': { ...companies, list: { ...companies?.list, ...list } } };
  return { ...simulatedDesk, resources: changed as Resources };
}

const page = (from: string) => ({ cursor: { from, to: 'query.after' }, size: 4, order: 'none' });

test.each([
  ['answers in XML', { format: 'xml' }, 'it answers in XML, which the simulator does not write'],
  ['answers in CSV', { format: 'csv' }, 'it answers in CSV, which the simulator does not write'],
  [
    'has pages whose cursor is computed',
    { page: page('next.id & "," & next.at') },
    '`page.cursor.from: next.id & "," & next.at` computes the cursor, so the simulator cannot write it',
  ],
  [
    'takes the cursor of its pages apart',
    { query: { after: "{page.cursor? | part(',', 0)}" }, page: { cursor: { from: 'next' }, size: 4, order: 'none' } },
    'the simulator cannot read its cursor in the request of the next page',
  ],
  [
    'goes on from a token that is computed',
    { cursor: { kind: 'token', answer: 'next.id & next.at', bound: 'inclusive' } },
    '`cursor.answer: next.id & next.at` computes the cursor, so the simulator cannot write it',
  ],
])('a call that %s is not served, and says why', async (_, list, reason) => {
  const { simulator, send } = await start({ definition: deskWith(list), exchanges: deskExchanges });
  expect(simulator.unserved).toEqual([{ name: 'crm/companies.list', reason: expect.stringContaining(reason) }]);
  expect((await send('/v2/companies')).status).toBe(501);
});

test('the test of credentials is not served where it answers in XML', async () => {
  const { api } = simulatedDesk;
  const test = { ...api?.test, call: { ...api?.test?.call, format: 'xml' } };
  const { simulator } = await start({ definition: { ...simulatedDesk, api: { ...api, test } } as Definition });
  expect(simulator.unserved).toEqual([
    { name: 'test', reason: 'it answers in XML, which the simulator does not write' },
  ]);
});
