/** SQS and S3: fauxqs in memory. */
import type { AddressInfo } from 'node:net';
import { guardFauxqs } from './guard-fauxqs.ts';
import { keepTraceHeaders } from './keep-trace-headers.ts';
import { listDeadLetterSources } from './list-dead-letter-sources.ts';
import { listVersions } from './list-versions.ts';
import { runEmulator } from './run-emulator.ts';

await runEmulator(async (guard) => {
  // Not `startFauxqs`, which listens on every interface of the machine.
  const { buildApp } = await import('fauxqs');
  const app = buildApp({ logger: false });
  app.server.keepAliveTimeout = 120_000;
  guardFauxqs(app, guard);
  listVersions(app);
  keepTraceHeaders(app);
  listDeadLetterSources(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
});
