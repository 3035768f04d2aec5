import type { Logger } from '@aws-lambda-powertools/logger';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { frameOrigin, portalOf } from '../../engine/access/portal-session.ts';
import type { StaticFile, StaticFiles } from '../../ports/runtime/static-files.ts';
import type { ApiKeyStore } from '../../ports/tenants/api-key-store.ts';
import { ProblemError } from '../invocation/answer-problems.ts';

/** What the console's handler is composed from. */
export interface ConsoleRuntime {
  readonly files: StaticFiles;
  /** Portal sessions are stored as keys. */
  readonly sessions: Pick<ApiKeyStore, 'find'>;
  readonly clock: { readonly nowMs: () => number };
  readonly log: Logger;
}

const root = /^\/console(?:\/p\/([A-Za-z0-9]{1,64}))?(\/.*)?$/;
const assets = '/assets/';
const yearSeconds = 31_536_000;

/**
 * Serve the console: files whose names are made of their content, for good; and the page that starts it, for every
 * other path, because the console itself reads the path.
 */
export function createConsoleHandler(runtime: ConsoleRuntime) {
  return async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
    const [, session, rest = '/'] = root.exec(event.rawPath) ?? [];
    if (rest.startsWith(assets)) {
      const file = await runtime.files.find(rest.slice(1));
      if (file === undefined) throw new ProblemError({ status: 404, detail: 'There is no such file.' });
      return answer(event, file, { 'cache-control': `public, max-age=${yearSeconds}, immutable` });
    }
    const page = await runtime.files.find('index.html');
    if (page === undefined) throw new ProblemError({ status: 404, detail: 'This deployment has no console.' });
    return answer(event, page, {
      'cache-control': 'no-cache',
      'content-security-policy': policy(await framesOf(runtime, session)),
      'referrer-policy': 'no-referrer',
      'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=()',
      'cross-origin-opener-policy': 'same-origin',
    });
  };
}

/** Nothing runs that the page does not name, and it calls its own origin only. */
function policy(frameAncestors: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    `frame-ancestors ${frameAncestors.length === 0 ? "'none'" : frameAncestors.join(' ')}`,
  ].join('; ');
}

/** Origins that may show the console in a frame: those that the portal session names, as long as it lasts. */
async function framesOf({ sessions, clock, log }: ConsoleRuntime, id: string | undefined): Promise<readonly string[]> {
  if (id === undefined) return [];
  try {
    const origins = portalOf(await sessions.find(id), clock.nowMs())?.portal.origins ?? [];
    // They become part of a header, whoever wrote the row.
    return origins.filter((origin) => frameOrigin.test(origin));
  } catch (error) {
    // Without an answer the page is served, in no frame.
    log.warn('a portal session could not be read', error as Error);
    return [];
  }
}

function answer(
  { headers }: APIGatewayProxyEventV2,
  file: StaticFile,
  own: Readonly<Record<string, string>>,
): APIGatewayProxyStructuredResultV2 {
  const encoding = (['br', 'gzip'] as const).find((name) => accepts(headers['accept-encoding'], name));
  const etag = `"${file.digest}-${encoding ?? 'plain'}"`;
  const shared = { ...own, etag, vary: 'accept-encoding', 'content-type': file.contentType };
  if (headers['if-none-match'] === etag) return { statusCode: 304, headers: shared };
  return {
    statusCode: 200,
    headers: { ...shared, ...(encoding === undefined ? {} : { 'content-encoding': encoding }) },
    body: file[encoding ?? 'plain'].toString('base64'),
    isBase64Encoded: true,
  };
}

/** Whether a browser takes an encoding: it names it, and not with the quality 0. */
function accepts(header: string | undefined, encoding: string): boolean {
  return (header ?? '').split(',').some((part) => {
    const [name, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    return name === encoding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
