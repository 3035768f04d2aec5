/** SQS and S3: fauxqs in memory. */
import type { AddressInfo } from 'node:net';
import { runEmulator } from './run-emulator.ts';

await runEmulator(async () => {
  // Not `startFauxqs`: that listens on every interface of the machine.
  const { buildApp } = await import('fauxqs');
  const app = buildApp({ logger: false });
  app.server.keepAliveTimeout = 120_000;
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
});
