/** DynamoDB: dynalite in memory. */
import type { AddressInfo } from 'node:net';
import { guardDynalite } from './guard-dynalite.ts';
import { runEmulator } from './run-emulator.ts';
import { serveStatements } from './serve-statements.ts';

await runEmulator(async (guard) => {
  const { default: dynalite } = await import('dynalite');
  const server = dynalite({ createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 });
  server.keepAliveTimeout = 120_000;
  serveStatements(server);
  guardDynalite(server, guard);
  return new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
});
