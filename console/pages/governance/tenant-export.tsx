import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiProblem, call } from '../../engine-client.ts';
import { Facts, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { fileName, saveFile } from '../../ui/save-file.ts';

interface Export {
  readonly state: 'running' | 'stopped' | 'done' | 'failed';
  /** Objects by kind. */
  readonly counts: Readonly<Record<string, number>>;
  readonly problem?: ApiProblem;
}

/** Where an export is; it goes on there after a problem. */
interface Progress {
  readonly pages: Blob[];
  readonly counts: Record<string, number>;
  cursor: string | undefined;
  isDone: boolean;
}

const pageSize = 200;
const longestTries = 5;
const pauseMs = 2_000;

async function nextPage(tenant: string, cursor: string | undefined, signal: AbortSignal) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call('GET /v1/tenants/{id}/export', {
        params: { id: tenant },
        query: { limit: pageSize, cursor },
        signal,
      });
    } catch (error) {
      if (signal.aborted || !(error instanceof ApiProblem) || !error.isPassing || tries === longestTries) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? pauseMs * tries));
    }
  }
}

/** Read an export to its end, a line of JSON for each object. */
async function readExport(tenant: string, progress: Progress, signal: AbortSignal, tell: () => void): Promise<void> {
  while (!progress.isDone && !signal.aborted) {
    const page = await nextPage(tenant, progress.cursor, signal);
    // A browser keeps large blobs on disk.
    progress.pages.push(new Blob(page.data.map((entry) => `${JSON.stringify(entry)}\n`)));
    for (const { kind } of page.data) progress.counts[kind] = (progress.counts[kind] ?? 0) + 1;
    progress.cursor = page.next_cursor ?? undefined;
    progress.isDone = page.next_cursor === null;
    tell();
  }
}

/** Reads all data of a tenant, page by page, and saves it as one file. */
function useExport(tenant: string) {
  const [shown, show] = useState<Export>();
  const progress = useRef<Progress>(undefined);
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const save = () => {
    if (progress.current === undefined) return;
    saveFile(fileName(tenant, 'jsonl'), progress.current.pages, 'application/jsonl');
  };
  const run = async () => {
    const current = shown?.state === 'done' ? undefined : progress.current;
    const own: Progress = current ?? { pages: [], counts: {}, cursor: undefined, isDone: false };
    const controller = new AbortController();
    progress.current = own;
    stop.current = controller;
    const tell = (state: Export['state'], problem?: ApiProblem) =>
      show({ state, counts: { ...own.counts }, ...(problem === undefined ? {} : { problem }) });
    tell('running');
    try {
      await readExport(tenant, own, controller.signal, () => tell('running'));
      tell(own.isDone ? 'done' : 'stopped');
      if (own.isDone) save();
    } catch (error) {
      if (controller.signal.aborted) tell('stopped');
      else tell('failed', error instanceof ApiProblem ? error : new ApiProblem(0, String(error)));
    }
  };
  return { shown, run, save, halt: () => stop.current?.abort() };
}

/** The export of a tenant. */
export function TenantExport({ tenant }: { readonly tenant: string }) {
  const { shown, run, save, halt } = useExport(tenant);
  const sum = Object.values(shown?.counts ?? {}).reduce((total, count) => total + count, 0);
  const isRunning = shown?.state === 'running';
  const goesOn = shown?.state === 'stopped' || shown?.state === 'failed';
  return (
    <Section title="Export">
      <p>
        All data of the tenant in one file, a JSON object on each line: settings, accounts, subscriptions, deliveries,
        records, syncs and events. Secrets are left out.
      </p>
      {shown === undefined ? null : (
        <>
          {isRunning ? <progress aria-label={`Export of ${tenant}, ${sum} objects so far`} /> : null}
          <p role="status">
            {isRunning ? `Reading: ${sum} objects so far.` : null}
            {goesOn ? `Stopped after ${sum} objects.` : null}
            {shown.state === 'done' ? `Done: ${sum} objects. The browser saves the file.` : null}
          </p>
          <Facts of={shown.counts} />
          <Problem problem={shown.problem} />
        </>
      )}
      <div class="actions">
        {isRunning ? (
          <button type="button" onClick={halt}>
            Stop
          </button>
        ) : (
          <button type="button" class={shown === undefined ? 'primary' : undefined} onClick={() => void run()}>
            {goesOn ? 'Go on' : shown === undefined ? 'Export' : 'Export again'}
          </button>
        )}
        {shown?.state === 'done' ? (
          <button type="button" onClick={save}>
            Save the file again
          </button>
        ) : null}
      </div>
    </Section>
  );
}
