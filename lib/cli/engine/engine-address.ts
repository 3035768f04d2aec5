/** Default address of `npm start`. */
export const localEngine = 'http://localhost:8787';

/** Why a URL did not answer, with advice if it is the default address. */
export function unreachable(url: string, error: unknown, isLocal: boolean): string {
  const { cause, message } = error as Error;
  const why = (cause as NodeJS.ErrnoException | undefined)?.code ?? message;
  return `${url} cannot be reached (${why}).${isLocal ? ' Is "npm start" running?' : ''}`;
}
