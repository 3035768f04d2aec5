import { existsSync, readFileSync } from 'node:fs';
import { App, type Stack } from 'aws-cdk-lib';
import { AttributeType } from 'aws-cdk-lib/aws-dynamodb';
import { expect, test } from 'vitest';
import { loadConfig, type Stage, type TributarySettings } from '../../../lib/config.ts';
import type { RecordTable } from '../../../lib/constructs/record-table.ts';
import { describeState } from '../../../lib/releases/describe-state.ts';
import { intendedRemovals } from '../../../lib/releases/intended-removals.ts';
import {
  lossesSince,
  ownVersion,
  pathsLeftOut,
  readState,
  releaseBefore,
  releasedVersions,
  upgradeFaults,
} from '../../../lib/releases/upgrade-faults.ts';
import { TributaryStack } from '../../../lib/tributary-stack.ts';
import { cdkContext, synthesize } from '../synthesized-stage.ts';

const text = (name: string) => ({ name, type: AttributeType.STRING });
/** A stack that is not synthesized. */
function stackFor(stage: Stage, settings: TributarySettings = {}): Stack {
  const context = new Map<string, unknown>([
    ['stage', stage],
    ['tributary', settings],
  ]);
  const config = loadConfig((key) => context.get(key));
  return new TributaryStack(new App({ context: cdkContext }), `Tributary-${stage}`, { config });
}

const tableIn = (stack: Stack, id: string) => (stack.node.findChild(id) as RecordTable).table;

test('fails when an update from the last release would need two steps, and says which', () => {
  expect(() =>
    synthesize('prod', {}, (stack) => {
      for (const name of ['one', 'two'])
        tableIn(stack, 'Events').addGlobalSecondaryIndex({ indexName: name, partitionKey: text(name) });
    }),
  ).toThrow(/Events\/Table \(AWS::DynamoDB::Table\): since \S+ adds one, two .*1\. add one; 2\. add two\./);
});

test.each([
  ['dev', 'off'],
  ['staging', 'on'],
  ['prod', 'on'],
  ['prod', 'off'],
] as const)(
  'no setting of %s needs a step of its own, with the canary %s, although a release records that of prod',
  (stage, canary) => {
    const release = { version: 'next', state: describeState(stackFor('prod')) };
    expect(Object.keys(release.state)).toContain('Canary/Logs');
    expect(lossesSince(release, stackFor(stage, { canary }), pathsLeftOut({ canary }))).toEqual([]);
  },
);

test('fails when the log of a canary that is on would be left behind', () => {
  const release = { version: 'next', state: describeState(stackFor('prod')) };
  expect(lossesSince(release, stackFor('prod', { canary: 'off' }), pathsLeftOut({ canary: 'on' }))).toEqual([
    expect.stringMatching(/^Canary\/Logs \(AWS::Logs::LogGroup\): is in next and not here/),
  ]);
});

test('a part that an app gives itself is not missed', () => {
  const given = { httpApi: {}, alarmTopic: {} };
  expect(pathsLeftOut({ canary: 'on' }, given)).toEqual(['HttpApi/', 'Alarms/']);
});

test('fails when an update would leave a table with data behind', () => {
  const stack = stackFor('dev');
  stack.node.tryRemoveChild('Audit');
  expect(upgradeFaults(stack, '0.1.0', [])).toEqual([
    expect.stringMatching(/^Audit\/Table \(AWS::DynamoDB::Table\): is in 0\.1\.0 and not here/),
  ]);
});

test('the state of a stack is the same in every stage, so one file describes a release', () => {
  // A stage that keeps its data empties no bucket. The canary, which is off in dev, has a log of its own.
  const { EmptierLogs: _, ...inDev } = describeState(stackFor('dev', { canary: 'on' }));
  expect(inDev).toEqual(describeState(stackFor('prod')));
});

test('a version that is released has not changed its state since: the next change raises the version', () => {
  const state = describeState(stackFor('prod'));
  const isReleased = releasedVersions().includes(ownVersion);
  expect(isReleased ? readState(ownVersion) : state).toEqual(state);
  // Otherwise the version is newer than all that are released.
  expect(isReleased ? ownVersion : releaseBefore()).toBe(releasedVersions().at(-1));
  for (const path of Object.keys(intendedRemovals)) expect(state, path).not.toHaveProperty([path]);
});

test('the changelog has every release, and the last one has its handlers for the contract test', () => {
  const changelog = readFileSync(new URL('../../../CHANGELOG.md', import.meta.url), 'utf8');
  for (const version of releasedVersions())
    expect(changelog).toMatch(new RegExp(`^## ${RegExp.escape(version)} - \\d{4}-\\d\\d-\\d\\d$`, 'm'));
  expect(existsSync(new URL(`../../releases/${releasedVersions().at(-1)}.json.br`, import.meta.url))).toBe(true);
});

test('fails when the setting names a version that was not released', () => {
  expect(() => synthesize('dev', { upgradeFrom: '9.9.9' })).toThrow(
    /upgradeFrom: got "9\.9\.9", expected a released version: 0\.1\.0/,
  );
});
