/** How an export ended. */
export type OtlpExport = { readonly kind: 'taken' } | { readonly kind: 'failed'; readonly reason: string };

export interface OtlpExporterOptions {
  readonly endpoint: string;
  /** Read once, and again after the collector has refused them. @throws When they cannot be read. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
  /** For the whole export, the reading of the headers included. */
  readonly timeoutMs: number;
}

/** Posts spans to a collector. Never throws, and never takes longer than its time. */
export interface OtlpExporter {
  export(body: string): Promise<OtlpExport>;
}

/** @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-request */
export function createOtlpExporter({ endpoint, headers: read, timeoutMs }: OtlpExporterOptions): OtlpExporter {
  let known: Promise<Readonly<Record<string, string>>> | undefined;
  const post = async (body: string, signal: AbortSignal): Promise<OtlpExport> => {
    known ??= read();
    const headers = await known;
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
      redirect: 'error',
      signal,
    });
    await response.body?.cancel();
    if (response.ok) return { kind: 'taken' };
    if (response.status === 401 || response.status === 403) known = undefined;
    return { kind: 'failed', reason: `the collector answered ${response.status}` };
  };
  return {
    async export(body) {
      const signal = AbortSignal.timeout(timeoutMs);
      const isOver = new Promise<OtlpExport>((resolve) => {
        signal.addEventListener('abort', () =>
          resolve({ kind: 'failed', reason: `the collector did not answer within ${timeoutMs} ms` }),
        );
      });
      const posting = post(body, signal).catch((error: unknown): OtlpExport => {
        known = undefined;
        return { kind: 'failed', reason: reasonOf(error) };
      });
      // The reading of the headers ends with its own time, not with the signal.
      return Promise.race([posting, isOver]);
    },
  };
}

/** Quotes no header. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause as { readonly code?: unknown } | undefined) : undefined;
  if (typeof cause?.code === 'string') return `the collector cannot be reached: ${cause.code}`;
  return error instanceof Error && error.name !== 'TypeError'
    ? `the export failed: ${error.name}`
    : 'the collector cannot be reached';
}
