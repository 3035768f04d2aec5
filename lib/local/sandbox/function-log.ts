/** One line that a function, or the runtime around it, wrote. */
export interface FunctionLogLine {
  /** The function's label: `ingress`. */
  readonly function: string;
  /** The invocation that was running, if any. */
  readonly requestId: string | undefined;
  /** `runtime` is what Lambda itself logs: errors, timeouts. */
  readonly stream: 'stdout' | 'stderr' | 'runtime';
  readonly text: string;
}

/** Cuts a stream of text into whole lines. */
export function createLineSplitter(emit: (line: string) => void): { push(text: string): void; flush(): void } {
  let rest = '';
  return {
    push(text) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') emit(line);
    },
    flush() {
      if (rest !== '') emit(rest);
      rest = '';
    },
  };
}
