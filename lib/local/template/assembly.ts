import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { LocalEngineError } from '../errors.ts';

/** A synthesized CloudFormation template, as JSON. */
export interface Template {
  readonly Parameters?: Readonly<Record<string, { readonly Type?: string; readonly Default?: unknown }>>;
  readonly Conditions?: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, TemplateResource>>;
  readonly [section: string]: unknown;
}

export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly Condition?: string;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

/** One stack of a cloud assembly, and the location of its assets. */
export interface StackAssembly {
  readonly stackName: string;
  readonly template: Template;
  /** Folder of a file asset by its object key in the staging bucket, `<hash>.zip`. */
  readonly assetFolders: ReadonlyMap<string, string>;
}

interface Manifest {
  readonly artifacts?: Record<
    string,
    { type: string; properties?: { templateFile?: string; stackName?: string; file?: string }; dependencies?: string[] }
  >;
}

interface AssetManifest {
  readonly files?: Record<
    string,
    { source: { path?: string; packaging?: string }; destinations: Record<string, { objectKey: string }> }
  >;
}

/** Names of the stacks in a cloud assembly. */
export async function listStacks(assemblyDir: string): Promise<readonly string[]> {
  const manifest = await readJson<Manifest>(join(assemblyDir, 'manifest.json'));
  return Object.entries(manifest.artifacts ?? {})
    .filter(([, artifact]) => artifact.type === 'aws:cloudformation:stack')
    .map(([id, artifact]) => artifact.properties?.stackName ?? id);
}

/**
 * Read a stack's template and its assets from a cloud assembly.
 *
 * @throws {LocalEngineError} assembly-unreadable when the folder, the stack or a file does not exist.
 */
export async function readStackAssembly(assemblyDir: string, stackName: string): Promise<StackAssembly> {
  const manifest = await readJson<Manifest>(join(assemblyDir, 'manifest.json'));
  const artifacts = Object.entries(manifest.artifacts ?? {});
  const stack = artifacts.find(
    ([id, artifact]) =>
      artifact.type === 'aws:cloudformation:stack' && (artifact.properties?.stackName ?? id) === stackName,
  )?.[1];
  const templateFile = stack?.properties?.templateFile;
  if (templateFile === undefined) {
    const known = (await listStacks(assemblyDir)).join(', ') || 'none';
    throw new LocalEngineError('assembly-unreadable', `No stack ${stackName} in ${assemblyDir}; it has: ${known}.`);
  }

  const assetFolders = new Map<string, string>();
  for (const [, artifact] of artifacts) {
    const file = artifact.type === 'cdk:asset-manifest' ? artifact.properties?.file : undefined;
    if (file === undefined) continue;
    const assets = await readJson<AssetManifest>(join(assemblyDir, file));
    for (const asset of Object.values(assets.files ?? {})) {
      if (asset.source.path === undefined || asset.source.packaging !== 'zip') continue;
      const folder = resolve(dirname(join(assemblyDir, file)), asset.source.path);
      if (!(await stat(folder).catch(() => undefined))?.isDirectory()) continue;
      for (const destination of Object.values(asset.destinations)) assetFolders.set(destination.objectKey, folder);
    }
  }
  return { stackName, template: await readJson<Template>(join(assemblyDir, templateFile)), assetFolders };
}

async function readJson<T>(path: string): Promise<T> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (cause) {
    throw new LocalEngineError('assembly-unreadable', `Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
