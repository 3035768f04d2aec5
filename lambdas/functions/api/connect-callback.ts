import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { finishConsent } from '../../flows/accounts/finish-consent.ts';
import type { ApiPorts } from './api-ports.ts';

/** The answer to an owner whom a provider leads back: on to the application, or a page that says what went wrong. */
export async function answerConnectCallback(
  ports: ApiPorts,
  { pathParameters, queryStringParameters }: APIGatewayProxyEventV2,
): Promise<APIGatewayProxyStructuredResultV2> {
  const finished = await finishConsent(ports, {
    integration: pathParameters?.['integration'] ?? '',
    query: (queryStringParameters ?? {}) as Readonly<Record<string, string>>,
  });
  if (finished.kind === 'failed') return page(finished.reason, finished.returnUrl);
  const url = new URL(finished.returnUrl);
  url.searchParams.set('status', 'connected');
  url.searchParams.set('account', finished.account);
  return { statusCode: 302, headers: { location: url.href, ...safe } };
}

/** The page loads nothing, and nothing may frame it. */
const safe = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
};

function page(reason: string, returnUrl: string | undefined): APIGatewayProxyStructuredResultV2 {
  const back =
    returnUrl === undefined ? '' : `<p><a href="${escaped(withFailure(returnUrl))}">Back to the application</a></p>`;
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not connected</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; margin: 15vh auto 0; max-width: 34rem; padding: 0 1.5rem; }
  h1 { font-size: 1.4rem; margin: 0 0 .5rem; }
</style>
</head>
<body>
<main>
<h1>The connection was not made</h1>
<p>${escaped(reason)}</p>
${back}
</main>
</body>
</html>
`;
  return { statusCode: 400, headers: { 'content-type': 'text/html; charset=utf-8', ...safe }, body };
}

function withFailure(returnUrl: string): string {
  const url = new URL(returnUrl);
  url.searchParams.set('status', 'failed');
  return url.href;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
