import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { localAdminKey } from '../../../lib/local/admin-key.ts';
import { functionScenarios } from '../game-day/function-scenarios.ts';
import { accountConcurrency, gatewayScenarios } from '../game-day/gateway-scenarios.ts';
import { runbookCommands, runRunbookCommand } from '../game-day/runbook.ts';
import { createFaults, createStage, type Stage } from '../game-day/stage.ts';
import { endWork, workScenarios } from '../game-day/work-scenarios.ts';
import { useRunningEngine } from '../running-engine.ts';

/*
 * A game day: each alarm of the template is raised once, by what it is there for. A person then does what its entry in
 * the runbook says, and the alarm is over.
 */
const faults = createFaults();
const running = useRunningEngine({ ingressAccountRatePerMinute: 60 }, () => ({
  judgeCall: faults.judge,
  accountConcurrency,
}));
const scenarios = [...functionScenarios, ...gatewayScenarios, ...workScenarios];
const raised = new Set<string>();
const ran = new Set<string>();
const minutes = 60_000;
let stage: Stage;

beforeAll(() => {
  stage = createStage(running(), faults, localAdminKey);
});
afterAll(async () => {
  await endWork(stage);
  stage.sqs.destroy();
});

/** The entry that an alarm's description links to. */
async function entryOf(alarm: string): Promise<string> {
  const { description } = (await stage.stateOf(alarm)).alarm;
  return /#([\w-]+)$/.exec(description)?.[1] ?? `${alarm} links to no entry`;
}

test.each(scenarios.map((scenario) => [scenario.alarms.join(', '), scenario] as const))(
  '%s: raised by its cause, mended as the runbook says, and over',
  async (_, { alarms, provoke, stepMinutes, placeholders }) => {
    for (const alarm of alarms) await stage.until(alarm, 'OK', 6);
    const mend = await provoke(stage);
    let isMended = false;
    // A scenario that fails must not leave its cause to the others.
    onTestFinished(async () => void (isMended || (await mend())));
    for (const alarm of alarms) {
      await stage.until(alarm, 'ALARM', stepMinutes);
      raised.add(alarm);
    }
    await mend();
    isMended = true;
    const values = { ...stage.placeholders, ...(await placeholders?.(stage)) };
    for (const alarm of alarms) {
      const entry = await entryOf(alarm);
      for (const command of runbookCommands.filter(({ section }) => section === entry)) {
        const { exitCode, output } = await runRunbookCommand(stage.engine, command, values);
        expect(exitCode, `${command.text}\n${output}`).toBe(0);
        ran.add(command.text);
      }
    }
    for (const alarm of alarms) await stage.until(alarm, 'OK', 6);
  },
  10 * minutes,
);

test('commands outside of the entries work, too', async () => {
  const values = {
    ...stage.placeholders,
    integration: 'github',
    'URL of the dead-letter queue': stage.queueUrl('RawQueue/DeadLetters'),
  };
  const others = runbookCommands.filter(({ text }) => !ran.has(text));
  expect(others.map(({ section }) => section)).toEqual(['Before you start', 'Before you start', 'When data drifts']);
  for (const command of others) {
    const { exitCode, output } = await runRunbookCommand(stage.engine, command, values);
    expect(exitCode, `${command.text}\n${output}`).toBe(0);
    ran.add(command.text);
  }
});

test('every alarm of the template was raised, and every command of the runbook was run', async () => {
  const alarms = (await stage.engine.alarms()).map(({ alarm }) => alarm.path);
  expect([...raised].sort()).toEqual([...alarms].sort());
  expect(ran).toEqual(new Set(runbookCommands.map(({ text }) => text)));
  expect(ran.size).toBeGreaterThan(10);
});

test('metrics tell of the whole way, and none has a dimension that grows with tenants', () => {
  const metrics = stage.engine.metrics.list();
  const dimensions = new Set(metrics.flatMap((one) => Object.keys(one.dimensions)));
  expect([...dimensions].sort()).toEqual(['integration', 'reason', 'service', 'stage']);
  const ofService = (name: string) =>
    [...new Set(metrics.flatMap((one) => (one.name === name ? (one.dimensions['service'] ?? []) : [])))].toSorted();
  expect(ofService('latency')).toEqual(expect.arrayContaining(['deliver', 'drain', 'normalize']));
  expect(ofService('backlog-age')).toEqual(['drain']);
  for (const name of ['sync-freshness', 'sync-lag', 'budget-left']) expect(ofService(name), name).toEqual(['poll']);
  const failed = metrics.filter((one) => one.name === 'verification-failed');
  const own = { service: 'ingress', stage: 'local' };
  expect(failed.map((one) => one.dimensions)).toEqual(
    expect.arrayContaining([own, { ...own, integration: 'github' }, { ...own, reason: 'signature-mismatch' }]),
  );
});
