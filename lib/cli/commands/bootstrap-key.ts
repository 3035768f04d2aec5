import { isReservedKey } from '../../../lambdas/engine/access/reserved-keys.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  present,
  textOption,
  UnusableInput,
} from '../command.ts';
import { outputOf, stackOf } from '../deployed/deployment.ts';
import { writeFirstKey } from '../deployed/write-first-key.ts';

const usualStage = 'dev';
const usualId = 'first';
const msPerDay = 86_400_000;

export const bootstrapKeyCommand: Command = {
  name: 'bootstrap-key',
  positionals: [],
  summary: 'write the first API key of a deployed stack, and print it once',
  help: [
    `--stage <stage>      of the stack Tributary-<stage> (default: ${usualStage}), in the region and with the AWS`,
    '                     credentials of the environment',
    '--stack <name>       of the stack, where an app of yours holds the engine',
    `--id <id>            of the key (default: ${usualId}); nothing happens where a key has it`,
    '--expires-in <days>  when the key ends (default: never)',
    'Exit status: 0 the key is written, 1 a key with this id exists, 2 unusable input.',
  ],
  options: {
    stage: { type: 'string' },
    stack: { type: 'string' },
    id: { type: 'string' },
    'expires-in': { type: 'string' },
  },
  run: bootstrapKey,
};

async function bootstrapKey(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const stage = textOption(args, 'stage') ?? usualStage;
  const id = textOption(args, 'id') ?? usualId;
  const days = textOption(args, 'expires-in');
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(stage))
    throw new UnusableInput(`--stage: expected a stage such as dev, got "${stage}"`);
  if (!/^[A-Za-z0-9]{1,64}$/.test(id))
    throw new UnusableInput(`--id: expected letters and digits, at most 64, got "${id}"`);
  if (isReservedKey(id)) throw new UnusableInput(`--id: "${id}" is the id of the canary's own key, expected another`);
  if (days !== undefined && !/^[1-9]\d{0,3}$/.test(days))
    throw new UnusableInput(`--expires-in: expected a number of days, got "${days}"`);
  const stack = textOption(args, 'stack') ?? stackOf(stage);
  const nowMs = ports.nowMs();
  const expiresAtMs = days === undefined ? undefined : nowMs + Number(days) * msPerDay;
  const deployment = await ports.deployment(stack);
  const outcome = await writeFirstKey(deployment, { id, expiresAtMs }, nowMs);
  if (outcome.kind === 'exists') {
    const error = `A key with the id "${id}" exists in ${stack}. Use it, or give another --id.`;
    return { exitCode: 1, output: present(args, { error }, [error]) };
  }
  const expiresAt = expiresAtMs === undefined ? null : new Date(expiresAtMs).toISOString();
  const [api, console] = ['ApiUrl', 'ConsoleUrl'].map((name) => outputOf(deployment, name) ?? null);
  const lines = [
    `key      ${outcome.key}`,
    '         shown this once; it may do everything for all tenants',
    `expires  ${expiresAt ?? 'never'}`,
    `api      ${api ?? ''}`,
    `console  ${console ?? ''}`,
  ];
  return {
    exitCode: 0,
    output: present(args, { key: outcome.key, expires_at: expiresAt, api_url: api, console_url: console }, lines),
  };
}
