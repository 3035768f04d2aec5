import { expect, test } from 'vitest';
import { useRunningEngine } from '../running-engine.ts';

const running = useRunningEngine({ batching: 'economy' });

test('with batching for economy, each of 60 webhooks arrives once, in few invocations', async () => {
  const { engine, account, subscriber, github, eventually } = running();
  const { url } = await account('github');
  const { callbacks, ids } = await subscriber();
  const before = engine.invocations('normalize').succeeded;
  const answers = await Promise.all(Array.from({ length: 60 }, (_, issue) => github(url, { issue: issue + 1 })));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  await eventually(() => ids().size === 60);
  expect(callbacks).toHaveLength(60);
  expect(engine.invocations('normalize').succeeded - before).toBeLessThan(10);
});
