import type { ParseArgsOptionsConfig } from 'node:util';
import type { Deployment } from './deployed/deployment.ts';

/** Everything that a command uses besides its arguments; tests replace it. */
export interface CommandPorts {
  /** Path of the folder of definitions. */
  readonly integrations: string;
  /** Path of the folder that has the schemas of resources. @default - the folder of definitions */
  readonly resources?: string;
  /** Epoch milliseconds. */
  readonly nowMs: () => number;
  /** Ask the user at the terminal; undefined without a terminal. An empty answer gives the fallback. */
  readonly ask?: (question: string, fallback: string) => Promise<string>;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** The deployed stack of a stage. Rejects with UnusableInput where it cannot be seen. */
  readonly deployment: (stack: string) => Promise<Deployment>;
  /** Write to standard output immediately, for long-running commands; other commands return their output. */
  readonly print: (text: string) => void;
  /** Write to standard error immediately: notes that must not mix with the output, which programs read. */
  readonly note: (text: string) => void;
  /** Resolves when the time is over or the signal aborts. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** A signal for Ctrl-C. A command that requests it must end by itself; Ctrl-C kills the others. */
  readonly interruption: () => AbortSignal;
}

export interface CommandArguments {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
}

/** Exit codes: 0 success, 1 a negative answer, 2 unusable input. */
export interface CommandResult {
  readonly exitCode: 0 | 1 | 2;
  readonly output: string;
}

export interface Command {
  readonly name: string;
  /** Positional arguments: `<required>` and `[optional]`. */
  readonly positionals: readonly string[];
  readonly summary: string;
  /** Descriptions of the options, one line each. */
  readonly help: readonly string[];
  /** Whether it reads or writes definitions, so that it takes `--integrations`. */
  readonly definitions?: 'read' | 'write';
  /** Without `--json` and `--help`, which every command has, and `--integrations`. */
  readonly options: ParseArgsOptionsConfig;
  readonly run: (args: CommandArguments, ports: CommandPorts) => CommandResult | Promise<CommandResult>;
}

/** The input is unusable: exit status 2, and a message that says what is expected. */
export class UnusableInput extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnusableInput';
  }
}

/** The value of a text option. */
export function textOption({ values }: CommandArguments, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** The values of a text option that may be given several times. */
export function textOptions({ values }: CommandArguments, name: string): readonly string[] {
  return [values[name] ?? []].flat().filter((value) => typeof value === 'string');
}

/** The output of a command: JSON for programs, lines for people. */
export function present(args: CommandArguments, forPrograms: unknown, forPeople: readonly string[]): string {
  return `${args.values['json'] === true ? JSON.stringify(forPrograms, undefined, 2) : forPeople.join('\n')}\n`;
}

/** `1 fault`, `2 faults`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
