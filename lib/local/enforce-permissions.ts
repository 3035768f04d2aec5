import type { AccessRules } from './iam/access-guard.ts';
import type { Caller } from './iam/may-call.ts';
import { localCredentials } from './sandbox/runtime-environment.ts';
import type { Servers } from './start-servers.ts';
import type { StackModel } from './template/stack-model.ts';

/** Sessions that the emulators know; a session ends after an hour at most. */
const maxSessions = 1_000;

/**
 * Make the emulators check permissions, before any function runs: a bundle may call AWS while it loads.
 *
 * @returns Adds a session of a subscriber's role to the callers.
 */
export async function enforcePermissions(
  { dynalite, fauxqs, eventBus, keyService, roleService, streamService }: Servers,
  model: StackModel,
): Promise<(session: Caller) => Promise<void>> {
  const rules: AccessRules = {
    ownAccessKeyId: localCredentials.accessKeyId,
    callers: model.functions.map(({ caller }) => caller),
    keyByResource: model.keyByResource,
    partitionKeys: model.partitionKeys,
  };
  const sessions: Caller[] = [];
  keyService.enforce(rules);
  roleService.enforce(rules);
  const enforceOnReceivers = async () => {
    const all = { ...rules, callers: [...rules.callers, ...sessions] };
    eventBus.enforce(all);
    streamService.enforce(all);
    await fauxqs.enforce(all);
  };
  await Promise.all([dynalite.enforce(rules), enforceOnReceivers()]);
  return async (session) => {
    sessions.push(session);
    if (sessions.length > maxSessions) sessions.shift();
    await enforceOnReceivers();
  };
}
