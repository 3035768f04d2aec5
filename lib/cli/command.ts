import type { ParseArgsOptionsConfig } from 'node:util';

/** What a command reaches besides its arguments; a test gives its own. */
export interface CommandPorts {
  /** Path of the `integrations/` folder. */
  readonly integrations: string;
  /** Epoch milliseconds. */
  readonly nowMs: () => number;
  /** Ask the person at the terminal; undefined where there is none. An empty answer gives the fallback. */
  readonly ask?: (question: string, fallback: string) => Promise<string>;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Write to standard output at once, for a command that goes on for long; others return what they have to say. */
  readonly print: (text: string) => void;
  /** Write to standard error at once: what is said beside the output, so that programs can read that. */
  readonly note: (text: string) => void;
  /** Resolves when the time is over, or as soon as the signal says so. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** A signal for Ctrl-C. A command that asks for it ends by itself then; the others are just stopped. */
  readonly interruption: () => AbortSignal;
}

export interface CommandArguments {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
}

/** 0 all is well, 1 the answer is no, 2 the input is unusable. */
export interface CommandResult {
  readonly exitCode: 0 | 1 | 2;
  readonly output: string;
}

export interface Command {
  readonly name: string;
  /** Positional arguments: `<required>` and `[optional]`. */
  readonly positionals: readonly string[];
  readonly summary: string;
  /** The options in words, one line each. */
  readonly help: readonly string[];
  /** Beside `--json` and `--help`, which every command has. */
  readonly options: ParseArgsOptionsConfig;
  readonly run: (args: CommandArguments, ports: CommandPorts) => CommandResult | Promise<CommandResult>;
}

/** The input cannot be worked with: exit status 2, and a message that says what would be right. */
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

/** The output of a command: for programs as JSON, for people as lines. */
export function present(args: CommandArguments, forPrograms: unknown, forPeople: readonly string[]): string {
  return `${args.values['json'] === true ? JSON.stringify(forPrograms, undefined, 2) : forPeople.join('\n')}\n`;
}

/** `1 fault`, `2 faults`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
