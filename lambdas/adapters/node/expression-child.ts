import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export type ExpressionChild = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Start a process that may read only its own code. It does not keep this process alive, and ends with it.
 *
 * @param events.ended - May be called more than once.
 */
export function spawnExpressionChild(
  { script, heapMb }: { readonly script: URL; readonly heapMb: number },
  events: { readonly line: (line: string) => void; readonly ended: () => void },
): ExpressionChild {
  const path = fileURLToPath(script);
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${heapMb}`,
      '--max-semi-space-size=8',
      '--permission',
      '--allow-worker',
      `--allow-fs-read=${allowedPath(path)}`,
      '--no-warnings',
      path,
    ],
    // The environment holds credentials: pass none of it on.
    { stdio: ['pipe', 'pipe', 'ignore', 'pipe'], env: {} },
  ) as ExpressionChild;
  const { stdin, stdout } = child;
  // Ignore failed writes: once this process has ended, the next one gets the same jobs.
  stdin.on('error', () => undefined);
  // Only `ref` and `unref` decide whether the child keeps this process alive, not its pipes. The fourth pipe ends the
  // child when this process ends.
  for (const pipe of child.stdio) (pipe as { unref?(): void } | null)?.unref?.();
  let parts: string[] = [];
  stdout.setEncoding('utf8');
  stdout.on('data', (chunk: string) => {
    const [end = '', ...lines] = chunk.split('\n');
    parts.push(end);
    for (const next of lines) {
      const line = parts.join('');
      parts = [next];
      events.line(line);
    }
  });
  child.on('error', events.ended);
  child.on('close', events.ended);
  return child;
}

/** A bundle is the only file of its folder; the sources import each other, and packages. */
function allowedPath(script: string): string {
  return script.endsWith('.ts') ? '*' : `${dirname(script)}/*`;
}
