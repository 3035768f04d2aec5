import type { StackState, StatefulResource } from './describe-state.ts';

/** A release and the state that its deployment has. */
export interface Release {
  readonly version: string;
  readonly state: StackState;
}

/**
 * Find what one update cannot do without a loss: what would be replaced by something empty, and what needs several
 * updates. A new resource, and one index more or less on a table, need no step of their own.
 *
 * @returns A fault for each resource: what was, what is, and the steps to take.
 */
export function compareStates({ version, state: before }: Release, after: StackState): readonly string[] {
  return Object.entries(before).flatMap(([path, was]) => {
    const is = after[path];
    if (is === undefined) return [goneFault(path, was, version)];
    const replaced = replacementFault(path, was, is, version);
    return replaced === undefined ? indexFaults(path, was, is, version) : [replaced];
  });
}

function goneFault(path: string, { type }: StatefulResource, version: string): string {
  return (
    `${path} (${type}): is in ${version} and not here. CloudFormation would leave it behind, or delete it, with its data; ` +
    'under another id it would be a new, empty one. Give the construct its id back. ' +
    `If it is to go: 1. release a version whose functions no longer use it; 2. release one without it, and say so in ` +
    'lib/releases/intended-removals.ts.'
  );
}

function replacementFault(
  path: string,
  was: StatefulResource,
  is: StatefulResource,
  version: string,
): string | undefined {
  const before: Readonly<Record<string, string>> = { type: was.type, ...was.identity };
  const after: Readonly<Record<string, string>> = { type: is.type, ...is.identity };
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => before[name] !== after[name],
  );
  if (changed.length === 0) return undefined;
  const list = changed.map(
    (name) => `${name} was ${before[name] ?? 'not set'} in ${version}, is ${after[name] ?? 'not set'}`,
  );
  return (
    `${path} (${was.type}): ${list.join('; ')}. CloudFormation would replace it by an empty one. ` +
    'Take these steps, a release each: 1. add a second one under another id, and write to both; ' +
    '2. copy what the first has; 3. read from the second; 4. remove the first.'
  );
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html */
function indexFaults(path: string, was: StatefulResource, is: StatefulResource, version: string): string[] {
  const [before, after] = [was.indexes ?? {}, is.indexes ?? {}];
  const changed = Object.keys(before).filter((name) => Object.hasOwn(after, name) && before[name] !== after[name]);
  const added = Object.keys(after).filter((name) => !Object.hasOwn(before, name));
  const removed = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  const faults = changed.map(
    (name) =>
      `${path} (${was.type}): the index ${name} was ${before[name]} in ${version}, is ${after[name]}. ` +
      'DynamoDB cannot change an index. Take these steps, a release each: 1. add the new one under another name; ' +
      `2. query it instead of ${name}; 3. remove ${name}.`,
  );
  if (added.length + removed.length < 2) return faults;
  // An index that is still queried goes last.
  const steps = [...added.map((name) => `add ${name}`), ...removed.map((name) => `remove ${name}`)];
  faults.push(
    `${path} (${was.type}): since ${version} adds ${added.join(', ') || 'no index'} and removes ${removed.join(', ') || 'none'}. ` +
      'DynamoDB creates or deletes one index of a table in an update. Take these steps, a deployment each: ' +
      `${steps.map((step, index) => `${index + 1}. ${step}`).join('; ')}.`,
  );
  return faults;
}
