#!/usr/bin/env node
/** The command line: `npm run tributary -- <command>`. */
import { createInterface } from 'node:readline/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../lib/cli/run-command-line.ts';

const isTerminal = process.stdin.isTTY && process.stdout.isTTY;

async function ask(question: string, fallback: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question(`${question}${fallback === '' ? '' : ` [${fallback}]`}: `)) || fallback;
  } finally {
    terminal.close();
  }
}

/** Handles only the first Ctrl-C; the second ends the process. */
function interruption(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  // The reader of the output has ended: `… | head`.
  process.stdout.on('error', () => interrupted.abort());
  return interrupted.signal;
}

const argv = process.argv.slice(2);
try {
  const { exitCode, output } = await runCommandLine(argv, {
    integrations: fileURLToPath(new URL('../integrations/', import.meta.url)),
    nowMs: Date.now,
    fetch,
    // The SDK of CloudFormation is loaded by the one command that needs it.
    deployment: async (stack) => (await import('../lib/cli/deployed/find-deployment.ts')).findDeployment(stack),
    print: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(text),
    pause: (ms, signal) => pause(ms, undefined, { signal }).catch(() => undefined),
    interruption,
    ...(isTerminal ? { ask } : {}),
  });
  process.exitCode = exitCode;
  (exitCode === 2 && !argv.includes('--json') ? process.stderr : process.stdout).write(output);
} catch (error) {
  // Exit status 1 is an answer; an internal fault must not look like one.
  process.exitCode = 2;
  console.error(error);
}
