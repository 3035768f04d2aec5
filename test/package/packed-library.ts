import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../../', import.meta.url));

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

export interface PackedFile {
  readonly path: string;
  readonly size: number;
}

/** Pack the library as `npm pack` does, its script `prepack` included. @returns The tarball and what it holds. */
export function packLibrary(into: string): { readonly tarball: string; readonly files: readonly PackedFile[] } {
  const npm = ['pack', '--json', '--foreground-scripts=false', '--pack-destination', into];
  const answer = JSON.parse(execFileSync('npm', npm, { cwd: repository, encoding: 'utf8' })) as unknown;
  // npm answers with a list, or since version 11 with an object by package.
  const [packed] = Object.values(answer as Record<string, { filename: string; files: readonly PackedFile[] }>);
  if (packed === undefined) throw new Error('npm pack packed nothing');
  return { tarball: join(into, packed.filename), files: packed.files };
}

/**
 * Install the example app beside the packed library, without a network: the packages of both are links to those of the
 * repository, and only those that the two declare. What the library needs and does not declare is not found.
 */
export function installExample(tarball: string, into: string): { readonly app: string; readonly library: string } {
  const app = join(into, 'own-app');
  cpSync(join(repository, 'examples', 'own-app'), app, { recursive: true });
  const library = join(app, 'node_modules', 'tributary');
  mkdirSync(library, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', library, '--strip-components=1']);
  const { dependencies, devDependencies } = readManifest(app);
  const declared = [
    readManifest(library).dependencies,
    readManifest(library).peerDependencies,
    dependencies,
    devDependencies,
  ];
  for (const name of new Set(declared.flatMap((one) => Object.keys(one ?? {})))) {
    const place = join(app, 'node_modules', name);
    if (existsSync(place)) continue;
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(repository, 'node_modules', name), place);
  }
  return { app, library };
}

/** Packages that the JavaScript of a folder imports. */
export function importedPackages(folder: string): ReadonlySet<string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.js'))
    .flatMap((path) => [
      ...readFileSync(join(folder, path), 'utf8').matchAll(/\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g),
    ])
    .map(([, specifier = '']) => specifier)
    .filter((specifier) => /^@?[a-z][\w@/.-]*$/.test(specifier))
    .map((specifier) =>
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/'),
    );
  return new Set(names);
}
