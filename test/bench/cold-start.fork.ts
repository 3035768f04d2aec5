/** A fresh process that loads a bundle, like a Lambda environment that starts. @see bundles.ts */
import { pathToFileURL } from 'node:url';

const startedMs = performance.now();
await import(pathToFileURL(process.argv[2] ?? '').href);
process.send?.(performance.now() - startedMs);
process.disconnect();
