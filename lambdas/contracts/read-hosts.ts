import { EngineError } from './engine-error.ts';

/**
 * Origins that stand for others, so that a definition runs against a stand-in: `https://api.example.com=http://127.0.0.1:4001`,
 * separated by commas. Only the local stage has any.
 *
 * @throws {configuration-invalid} for a pair that is not two origins.
 */
export function readHosts(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  return new Map(
    pairs.map((pair) => {
      const [from, to, ...rest] = pair.split('=').map((part) => part.trim());
      if (from === undefined || to === undefined || rest.length > 0 || !isOrigin(from) || !isOrigin(to))
        throw new EngineError('configuration-invalid', `expected <origin>=<origin>, got "${pair}"`, {
          retryable: false,
        });
      return [new URL(from).origin, new URL(to).origin];
    }),
  );
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).pathname === '/';
}
