import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CommandResult } from '../../../lib/cli/command.ts';
import { runCommandLine } from '../../../lib/cli/run-command-line.ts';
import type { LocalEngine } from '../../../lib/local/engine.ts';
import { localCredentials } from '../../../lib/local/sandbox/runtime-environment.ts';

const page = readFileSync(new URL('../../../docs/operate/runbook.md', import.meta.url), 'utf8');
const command = /npm run tributary -- ([^`\n]+)/g;

/** A command as the runbook has it, with its placeholders. */
export interface RunbookCommand {
  /** Heading of the section that it is in. */
  readonly section: string;
  readonly text: string;
}

/** Every command of the command line in the runbook, in its order. */
export const runbookCommands: readonly RunbookCommand[] = page.split(/^## /m).flatMap((section) =>
  [...section.matchAll(command)].map(([, text = '']) => ({
    section: section.split('\n', 1)[0] ?? '',
    text: text.replace(/#.*$/, '').trim(),
  })),
);

/** Values of placeholders, by the text between the angle brackets. */
export type Placeholders = Readonly<Record<string, string>>;

/**
 * Run a command of the runbook against the engine, on its clock.
 *
 * @throws RangeError for a placeholder without a value.
 */
export async function runRunbookCommand(
  engine: LocalEngine,
  { text }: RunbookCommand,
  values: Placeholders,
): Promise<CommandResult> {
  const filled = text.replaceAll(/[[\]]/g, '').replaceAll(/<([^>]+)>/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new RangeError(`${text}: what is <${name}>?`);
    return value;
  });
  // As a person's shell would have them.
  const { accessKeyId, secretAccessKey } = localCredentials;
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: engine.clientConfig('sqs').region,
    AWS_ENDPOINT_URL_SQS: engine.clientConfig('sqs').endpoint,
  });
  return runCommandLine(filled.split(/\s+/), {
    integrations: fileURLToPath(new URL('../../../integrations/', import.meta.url)),
    nowMs: () => engine.now(),
    fetch,
    deployment: () => Promise.reject(new Error('there is no deployment')),
    print: () => {},
    note: () => {},
    // The clock of the engine does not wait for real time.
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 200))),
    interruption: () => new AbortController().signal,
  });
}
