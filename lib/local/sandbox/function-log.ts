/** One line that a function or its runtime wrote. */
export interface FunctionLogLine {
  /** The function's label: `ingress`. */
  readonly function: string;
  /** The invocation that was running; undefined outside of one. */
  readonly requestId: string | undefined;
  /** `runtime`: lines of Lambda itself, such as errors and timeouts. */
  readonly stream: 'stdout' | 'stderr' | 'runtime';
  readonly text: string;
}

export interface LineSplitter {
  push(text: string): void;
  /** Emit the rest as a line. */
  flush(): void;
}

/** Cuts a stream of text into whole lines. */
export function createLineSplitter(emit: (line: string) => void): LineSplitter {
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
