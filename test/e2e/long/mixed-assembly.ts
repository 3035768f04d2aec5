import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import type { ReleasedHandlers } from '../../../lib/releases/bundle-handlers.ts';

const releases = new URL('../../releases/', import.meta.url);

/** The handlers of the last release. */
async function readReleasedHandlers(): Promise<ReleasedHandlers> {
  const [archive, ...others] = await readdir(releases);
  if (archive === undefined || others.length > 0) throw new Error('test/releases: expected the last release alone');
  return JSON.parse(brotliDecompressSync(await readFile(new URL(archive, releases))).toString()) as ReleasedHandlers;
}

interface TemplateFunction {
  readonly Type: string;
  readonly Properties: {
    readonly Description?: string;
    readonly Code: { readonly S3Key: string };
    readonly Environment: { Variables: Record<string, unknown> };
  };
}

/**
 * Copy an assembly, with the code of the last release for some functions: as on AWS while a deployment shifts versions,
 * they have the tables, queues and permissions of the new version.
 *
 * @param old - Functions that run the code of the last release.
 * @throws Error when this version no longer has an environment key that the last release reads.
 */
export async function mixAssembly(
  from: { readonly assemblyDir: string; readonly stackName: string },
  to: string,
  old: readonly string[],
): Promise<void> {
  await cp(from.assemblyDir, to, { recursive: true });
  const released = await readReleasedHandlers();
  const templateFile = join(to, `${from.stackName}.template.json`);
  const assetsFile = join(to, `${from.stackName}.assets.json`);
  const template = JSON.parse(await readFile(templateFile, 'utf8')) as { Resources: Record<string, TemplateFunction> };
  const assets = JSON.parse(await readFile(assetsFile, 'utf8')) as {
    files: Record<string, { source: { path: string }; destinations: Record<string, { objectKey: string }> }>;
  };
  const functions = Object.values(template.Resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
  const known = Object.assign({}, ...functions.map(({ Properties }) => Properties.Environment.Variables)) as object;
  for (const name of old) {
    const found = functions.find(({ Properties }) => Properties.Description === `Tributary: ${name}`);
    if (found === undefined) throw new Error(`${name} is not in this version`);
    const { Code, Environment } = found.Properties;
    const missing = (released.environments[name] ?? []).filter((key) => !Object.hasOwn(known, key));
    if (missing.length > 0)
      throw new Error(`${name} of the last release reads ${missing.join(', ')}, which is not set`);
    Environment.Variables = { ...known, ...Environment.Variables };
    const asset = Object.values(assets.files).find(({ destinations }) =>
      Object.values(destinations).some(({ objectKey }) => objectKey === Code.S3Key),
    );
    if (asset === undefined) throw new Error(`${name} has no asset`);
    asset.source.path = `asset.old-${name}`;
    await writeHandler(join(to, asset.source.path), name, released);
  }
  await writeFile(templateFile, JSON.stringify(template));
  await writeFile(assetsFile, JSON.stringify(assets));
}

async function writeHandler(folder: string, name: string, released: ReleasedHandlers): Promise<void> {
  await mkdir(join(folder, 'integrations'), { recursive: true });
  const files = { ...released.files, 'index.mjs': `export { handler } from './${name}.mjs';` };
  await Promise.all([
    ...Object.entries(files).map(([path, text]) => writeFile(join(folder, path), text)),
    ...Object.entries(released.integrations).map(([integration, definition]) =>
      writeFile(join(folder, 'integrations', `${integration}.json`), JSON.stringify(definition)),
    ),
    writeFile(join(folder, 'resources.json'), JSON.stringify(released.resources)),
  ]);
}
