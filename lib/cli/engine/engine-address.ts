/** Where `npm start` listens unless it is told otherwise. */
export const localEngine = 'http://localhost:8787';

/** Why a URL did not answer at all, and what may be missing where the caller named no other than the local engine. */
export function unreachable(url: string, error: unknown, isLocal: boolean): string {
  const { cause, message } = error as Error;
  const why = (cause as NodeJS.ErrnoException | undefined)?.code ?? message;
  return `${url} cannot be reached (${why}).${isLocal ? ' Is "npm start" running?' : ''}`;
}
