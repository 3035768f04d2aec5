import { HttpMethod, HttpRouteKey } from 'aws-cdk-lib/aws-apigatewayv2';
import { consoleFiles } from '../constructs/console-files.ts';
import type { PublicHttpApi } from '../constructs/public-http-api.ts';
import type { EngineBuilder } from './engine-builder.ts';
import type { Storage } from './storage.ts';

/** Files of a page are few, and browsers keep them; a flood of them leaves the capacity of the other routes. */
const throttle = { ratePerSecond: 50, burst: 100 };

/** Serves the browser console. */
export function createConsole(builder: EngineBuilder, { tables }: Storage, httpApi: PublicHttpApi): void {
  const console = builder.function('Console', 'console', {
    timeoutSeconds: 10,
    memorySizeMb: 256,
    files: { console: consoleFiles() },
  });
  // A portal session says who may show the console in a frame.
  tables.apiKeys.grant(console, 'GetItem');
  httpApi.route(
    console,
    throttle,
    HttpRouteKey.with('/console', HttpMethod.GET),
    HttpRouteKey.with('/console/{proxy+}', HttpMethod.GET),
  );
}
