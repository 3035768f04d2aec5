import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  importedPackages,
  installExample,
  type PackedFile,
  packLibrary,
  readManifest,
  repository,
} from './packed-library.ts';

const workspace = mkdtempSync(join(tmpdir(), 'tributary-package-'));
let files: readonly PackedFile[];
let app: string;
let library: string;

beforeAll(() => {
  const packed = packLibrary(workspace);
  files = packed.files;
  ({ app, library } = installExample(packed.tarball, workspace));
}, 300_000);
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

/** Run a program in the app. @returns What it printed; it throws with that if the program fails. */
function run(...argv: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: app, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

test('the package has the library with types, the code of the functions, the console and the definitions', () => {
  const paths = new Set(files.map(({ path }) => path));
  for (const path of [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'dist/lib/index.js',
    'dist/lib/index.d.ts',
    'dist/bin/tributary.js',
    'dist/bundles/ingress/index.mjs',
    'dist/bundles/normalize/expressions.mjs',
    'dist/console-files/files.json',
    'dist/integrations/github/integration.yaml',
    'docs/operate/runbook.md',
  ])
    expect(paths).toContain(path);
});

test('the package has no sources, tests, emulators or settings of tools', () => {
  const allowed = /^(dist\/|docs\/.*\.md$|(CHANGELOG|README)\.md$|LICENSE$|package\.json$)/;
  expect(files.map(({ path }) => path).filter((path) => !allowed.test(path))).toEqual([]);
  expect(files.filter(({ path }) => /^dist\/(lib|lambdas|bin)\/.*(?<!\.d)\.ts$/.test(path))).toEqual([]);
  // Entries of the local runner, which needs emulators that the package does not bring.
  expect(files.filter(({ path }) => /(\.fork|-worker)\.js$|^dist\/test\//.test(path))).toEqual([]);
  expect(files.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(60_000_000);
});

test('the library imports only what it declares', () => {
  const { dependencies, peerDependencies } = readManifest(library);
  const declared = new Set(Object.keys({ ...dependencies, ...peerDependencies }));
  const imported = [
    ...importedPackages(join(library, 'dist', 'lib')),
    ...importedPackages(join(library, 'dist', 'lambdas')),
  ];
  expect(imported).toContain('aws-cdk-lib');
  expect(imported.filter((name) => !declared.has(name))).toEqual([]);
});

test('the types of the library fit the example app', () => {
  run(join(repository, 'node_modules', 'typescript', 'bin', 'tsc'));
}, 120_000);

test('fails when the app gives a setting that does not exist', () => {
  const misspelt =
    "import { Tributary } from 'tributary';\nexport type T = NonNullable<ConstructorParameters<typeof Tributary>[2]['settings']>['retentionDay'];\n";
  const file = join(app, 'lib', 'misspelt.ts');
  execFileSync(process.execPath, [
    '-e',
    `require('fs').writeFileSync(${JSON.stringify(file)}, ${JSON.stringify(misspelt)})`,
  ]);
  try {
    expect(() => run(join(repository, 'node_modules', 'typescript', 'bin', 'tsc'))).toThrow(
      /'retentionDay' does not exist/,
    );
  } finally {
    rmSync(file);
  }
}, 120_000);

test('the example app synthesizes, and its own tests pass', () => {
  const report = run('--test', '--test-reporter=tap', 'test/orders-stack.test.ts');
  expect(report).toMatch(/^# fail 0$/m);
  const [, passed = '0'] = /^# pass (\d+)$/m.exec(report) ?? [];
  expect(Number(passed)).toBe(
    [...readFileSync(join(app, 'test', 'orders-stack.test.ts'), 'utf8').matchAll(/^test\(/gm)].length,
  );
}, 300_000);

test('the command line of the package runs', () => {
  expect(run(join(library, 'dist', 'bin', 'tributary.js'), '--help')).toContain('bootstrap-key');
  const verdict = run(join(library, 'dist', 'bin', 'tributary.js'), 'test', 'github');
  expect(verdict).toMatch(/github/);
}, 60_000);
