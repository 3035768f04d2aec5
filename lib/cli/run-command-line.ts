import { parseArgs } from 'node:util';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  UnusableInput,
} from './command.ts';
import { bootstrapKeyCommand } from './commands/bootstrap-key.ts';
import { callCommand } from './commands/call-provider.ts';
import { checkSubscriberCommand } from './commands/check-subscriber.ts';
import { connectCommand } from './commands/connect-account.ts';
import { collisionsCommand } from './commands/list-collisions.ts';
import { listenCommand } from './commands/listen-events.ts';
import { newCommand } from './commands/new-integration.ts';
import { redriveCommand } from './commands/redrive-failures.ts';
import { replayCommand } from './commands/replay-events.ts';
import { reprocessCommand } from './commands/reprocess-requests.ts';
import { simulateCommand } from './commands/simulate-provider.ts';
import { syncCommand } from './commands/sync-account.ts';
import { testCommand } from './commands/test-integrations.ts';
import { triggerCommand } from './commands/trigger-sample.ts';
import { validateCommand } from './commands/validate-integrations.ts';
import { verifyCommand } from './commands/verify-request.ts';
import { suggestion } from './explain/nearest-name.ts';
import { folderHelp, folderOption, withOwnFolder } from './own-folder.ts';

const commands: readonly Command[] = [
  validateCommand,
  testCommand,
  verifyCommand,
  newCommand,
  callCommand,
  simulateCommand,
  triggerCommand,
  connectCommand,
  syncCommand,
  listenCommand,
  checkSubscriberCommand,
  replayCommand,
  redriveCommand,
  reprocessCommand,
  collisionsCommand,
  bootstrapKeyCommand,
];

/** Run one command line without touching the process. @returns Its output and its exit status. */
export async function runCommandLine(argv: readonly string[], ports: CommandPorts): Promise<CommandResult> {
  const [name = '', ...rest] = argv;
  const isJson = argv.includes('--json');
  const command = commands.find((candidate) => candidate.name === name);
  try {
    if (command === undefined) {
      if (name === '--help' || name === '-h' || name === 'help') return { exitCode: 0, output: overview() };
      const names = commands.map((known) => known.name);
      throw new UsageError(
        name === '' || name.startsWith('-')
          ? 'Expected a command.'
          : `There is no command "${name}".${suggestion(name, names)}`,
        overview(),
      );
    }
    if (rest.some((argument) => argument === '--help' || argument === '-h'))
      return { exitCode: 0, output: usageOf(command) };
    const args = readArguments(command, rest);
    return await command.run(args, withOwnFolder(command, args, ports));
  } catch (error) {
    if (!(error instanceof UnusableInput)) throw error;
    if (isJson) return { exitCode: 2, output: `${JSON.stringify({ error: error.message }, undefined, 2)}\n` };
    const usage = error instanceof UsageError ? `\n${error.usage}` : '';
    return { exitCode: 2, output: `${error.message}\n${usage}` };
  }
}

/** The command line itself is wrong; the message comes with the usage. */
class UsageError extends UnusableInput {
  readonly usage: string;

  constructor(message: string, usage: string) {
    super(message);
    this.usage = usage;
  }
}

function readArguments(command: Command, argv: readonly string[]): CommandArguments {
  let parsed: CommandArguments;
  try {
    parsed = parseArgs({
      args: [...argv],
      options: optionsOf(command),
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    const { message } = error as Error;
    const option = /^Unknown option '--?([^']+)'/.exec(message)?.[1] ?? '';
    const options = Object.keys(optionsOf(command));
    throw new UsageError(
      option === ''
        ? message
        : `"${command.name}" has no option --${option}.${suggestion(option, options).replace('"', '"--')}`,
      usageOf(command),
    );
  }
  const required = command.positionals.filter((positional) => positional.startsWith('<')).length;
  const { length } = parsed.positionals;
  if (length < required)
    throw new UsageError(`Expected ${command.positionals.slice(length, required).join(' ')}.`, usageOf(command));
  if (length > command.positionals.length)
    throw new UsageError(`Got an unexpected argument: "${parsed.positionals.at(-1)}".`, usageOf(command));
  return parsed;
}

function optionsOf({ options, definitions }: Command): Command['options'] {
  return { json: { type: 'boolean' }, ...options, ...(definitions === undefined ? {} : folderOption) };
}

function overview(): string {
  const width = Math.max(...commands.map((command) => synopsis(command).length));
  return [
    'Usage: npm run tributary -- <command>',
    '',
    ...commands.map((command) => `  ${synopsis(command).padEnd(width)}  ${command.summary}`),
    '',
    'Every command accepts --json and --help.',
    '',
  ].join('\n');
}

function usageOf(command: Command): string {
  return [
    `Usage: npm run tributary -- ${synopsis(command)} [options]`,
    '',
    `  ${command.summary}`,
    '',
    ...command.help.map((line) => `  ${line}`),
    ...(command.definitions === undefined ? [] : [`  ${folderHelp}`]),
    '  --json: the output as JSON',
    '',
  ].join('\n');
}

function synopsis({ name, positionals }: Command): string {
  return [name, ...positionals].join(' ');
}
