/** Builds what `npm pack` publishes; its script `prepack` runs it. */
import { buildPackage } from '../lib/package/build-package.ts';

buildPackage();
