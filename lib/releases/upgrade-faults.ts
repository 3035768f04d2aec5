import { readdirSync, readFileSync } from 'node:fs';
import type { Construct } from 'constructs';
import { compareStates, type Release } from './compare-states.ts';
import { describeState, type StackState } from './describe-state.ts';
import { intendedRemovals } from './intended-removals.ts';

const statesFolder = new URL('./states/', import.meta.url);

/** The version of this code. */
export const ownVersion: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/** Versions that were released, oldest first. */
export function releasedVersions(): readonly string[] {
  return readdirSync(statesFolder)
    .map((name) => name.replace(/\.json$/, ''))
    .sort(byVersion);
}

/** The release before this version: the one that a deployment has before this one. */
export function releaseBefore(version = ownVersion): string | undefined {
  return releasedVersions().findLast((released) => byVersion(released, version) < 0);
}

/** Where the state of a release is kept. */
export const stateFile = (version: string): URL => new URL(`${version}.json`, statesFolder);

export const readState = (version: string): StackState =>
  JSON.parse(readFileSync(stateFile(version), 'utf8')) as StackState;

/**
 * What a deployment over a release would lose, or could not do in one update.
 *
 * @param scope - The construct that holds the engine.
 * @param from - The release that is deployed.
 * @param absent - As {@link pathsLeftOut} gives them.
 */
export function upgradeFaults(scope: Construct, from: string | undefined, absent: readonly string[]): string[] {
  return from === undefined ? [] : lossesSince({ version: from, state: readState(from) }, scope, absent);
}

/** @param absent - As {@link pathsLeftOut} gives them. */
export function lossesSince({ version, state }: Release, scope: Construct, absent: readonly string[]): string[] {
  const expected = Object.entries(state).filter(
    ([path]) => !Object.hasOwn(intendedRemovals, path) && !absent.some((prefix) => path.startsWith(prefix)),
  );
  return [...compareStates({ version, state: Object.fromEntries(expected) }, describeState(scope))];
}

/**
 * Paths that a deployment may lack although a release has them, which records those of prod's defaults: the app gives
 * these parts itself, or its settings leave them out.
 */
export function pathsLeftOut(
  { canary }: { readonly canary: 'on' | 'off' },
  { httpApi, alarmTopic }: { readonly httpApi?: object | undefined; readonly alarmTopic?: object | undefined } = {},
): readonly string[] {
  return [
    ...(httpApi === undefined ? [] : ['HttpApi/']),
    ...(alarmTopic === undefined ? [] : ['Alarms/']),
    // Its log, which holds nothing that anything depends on.
    ...(canary === 'on' ? [] : ['Canary/']),
  ];
}

/** Orders versions by their three numbers. */
function byVersion(one: string, other: string): number {
  const [left, right] = [one, other].map((text) => text.split('.').map(Number));
  const differing = [0, 1, 2].find((at) => left?.[at] !== right?.[at]);
  return differing === undefined ? 0 : (left?.[differing] ?? 0) - (right?.[differing] ?? 0);
}
