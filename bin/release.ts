/** `npm run release`: records the version of package.json as released (docs/operate/upgrade.md, "Release a version"). */
import { recordRelease } from '../lib/releases/record-release.ts';

try {
  for (const file of recordRelease(new Date().toISOString().slice(0, 10))) console.log(`wrote ${file}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
