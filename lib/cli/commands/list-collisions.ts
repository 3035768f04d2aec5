import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
} from '../command.ts';
import { callOperation } from '../engine/api-client.ts';
import { localEngine } from '../engine/engine-address.ts';
import { engineOptions } from '../engine/engine-call.ts';

export const collisionsCommand: Command = {
  name: 'collisions',
  positionals: [],
  summary: 'list context values that accounts of several tenants share',
  help: [
    `--url <origin>   of the engine's API (default: ${localEngine}, which npm start runs)`,
    '--key <api key>  a key for all tenants (default: that of the local engine)',
    'Exit status: 0 there are none, 1 there are some or the engine rejected the call, 2 unusable input.',
  ],
  options: engineOptions,
  run: listCollisions,
};

const pageSize = '500';

async function listCollisions(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const collisions = [];
  let cursor: string | undefined;
  do {
    const call = await callOperation(args, ports, 'listContextCollisions', { query: { limit: pageSize, cursor } });
    if (call.kind === 'refused') return { exitCode: 1, output: present(args, { error: call.error }, [call.error]) };
    collisions.push(...call.body.data);
    cursor = call.body.next_cursor ?? undefined;
  } while (cursor !== undefined);
  const lines = collisions.map(({ integration, value, accounts }) => {
    const owners = accounts.map(({ id, tenant }) => `${id} of ${tenant}`);
    return `${integration} ${JSON.stringify(value)}: ${owners.join(', ')}`;
  });
  const { length } = collisions;
  const summary = `${count(length, 'value')} ${length === 1 ? 'has' : 'have'} accounts of several tenants`;
  return { exitCode: length === 0 ? 0 : 1, output: present(args, { collisions }, [...lines, summary]) };
}
