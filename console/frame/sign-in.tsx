import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiProblem } from '../engine-client.ts';
import { useAction } from '../queries.ts';
import { base, hasEnded, session, signInWithCode, signInWithKey, signOut } from '../session.ts';
import { Dialog } from '../ui/dialog.tsx';
import { isFaulty } from '../ui/faulty.tsx';
import { faultsAt, TextField } from '../ui/field.tsx';
import { focusFault } from '../ui/focus-fault.ts';
import { useKeyProblem } from '../ui/key-problem.ts';
import { Problem } from '../ui/problem.tsx';

const isPartner = base !== '/console';

function KeyForm() {
  const [key, setKey] = useState('');
  const enter = useAction(async (_, given: string) => signInWithKey(given));
  const problem = useKeyProblem(enter.problem);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (isFaulty(problem)) focusFault(form.current);
  }, [problem]);
  return (
    <form
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        void enter.run(key);
      }}
    >
      <TextField
        label="API key"
        type="password"
        value={key}
        onChange={setKey}
        isRequired
        placeholder="tk_…"
        hint="It is exchanged for a token of one hour, which only this tab keeps."
        faults={faultsAt(problem, 'key')}
      />
      {isFaulty(problem) ? null : <Problem problem={problem} />}
      <button type="submit" class="primary" disabled={enter.isRunning}>
        {enter.isRunning ? 'Signing in…' : 'Sign in'}
      </button>
    </form>
  );
}

function NewLink({ problem }: { readonly problem?: ApiProblem | undefined }) {
  const portal = problem?.portal ?? session.value?.caller.portal;
  const refreshUrl = portal?.refresh_url;
  const returnUrl = portal?.return_url;
  return (
    <>
      <p>This link was used, or its session has ended. Open the console again from where you came.</p>
      <div class="actions">
        {refreshUrl == null ? null : (
          <a class="button primary" href={refreshUrl}>
            Get a new link
          </a>
        )}
        {returnUrl === undefined ? null : (
          <a class="button" href={returnUrl}>
            Back
          </a>
        )}
      </div>
    </>
  );
}

/** The page of who is not signed in. */
export function SignIn() {
  return (
    <main class="sign-in" id="content">
      <h1>Tributary</h1>
      {isPartner ? (
        <NewLink />
      ) : (
        <>
          <p class="intro">Sign in with an API key to see events, deliveries, accounts and syncs.</p>
          <KeyForm />
        </>
      )}
    </main>
  );
}

/** Signs in over the page, which stays with what was typed into it. */
export function SignInAgain() {
  if (!hasEnded.value) return null;
  return (
    <Dialog title="Your session has ended" onClose={signOut}>
      <p>What you have typed stays. To go on, sign in again.</p>
      {isPartner ? <NewLink /> : <KeyForm />}
    </Dialog>
  );
}

/** Exchanges the code of a portal link, whoever was signed in before. */
export function OpenLink({ code, onDone }: { readonly code: string; readonly onDone: () => void }) {
  const open = useAction(async () => {
    await signInWithCode(code);
    onDone();
  });
  useEffect(() => void open.run(), []);
  const { problem } = open;
  return (
    <main class="sign-in" id="content">
      <h1>Tributary</h1>
      {problem === undefined ? (
        <p role="status">Opening…</p>
      ) : problem.isPassing ? (
        <Problem problem={problem} onRetry={() => void open.run()} />
      ) : (
        <NewLink problem={problem} />
      )}
    </main>
  );
}
