import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createCompiledCodeStore } from '../../../lib/constructs/compiled-code.ts';

const metafile = { inputs: { 'one.ts': {}, 'two.ts': {} }, outputs: {} } as unknown as Metafile;
const code = { files: [{ path: 'index.mjs', contents: Buffer.from('é\0') }], metafile };
let root = '';
/** Another process, which remembers nothing. */
const open = (key = 'options') => createCompiledCodeStore(root, join(root, 'stored'), key);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'compiled-'));
  const own = root;
  onTestFinished(() => rmSync(own, { recursive: true }));
  for (const name of ['one.ts', 'two.ts']) writeFileSync(join(root, name), name);
});

test('gives the code back to another process, byte by byte', () => {
  expect(open().read('ingress')).toBeUndefined();
  open().write('ingress', code);
  const read = open().read('ingress');
  expect(read?.metafile).toEqual(metafile);
  expect(read?.files.map(({ path, contents }) => [path, Buffer.from(contents).toString()])).toEqual([
    ['index.mjs', 'é\0'],
  ]);
  expect(open().read('normalize')).toBeUndefined();
});

test('gives none once a source has changed or is gone, or the options are others', () => {
  open().write('ingress', code);
  expect(open('others').read('ingress')).toBeUndefined();
  writeFileSync(join(root, 'two.ts'), 'changed');
  expect(open().read('ingress')).toBeUndefined();
  open().write('ingress', code);
  expect(open().read('ingress')).toBeDefined();
  rmSync(join(root, 'two.ts'));
  expect(open().read('ingress')).toBeUndefined();
});

test('gives none where what is stored cannot be read', () => {
  open().write('ingress', code);
  writeFileSync(join(root, 'stored', 'ingress.compiled.json'), '{"key":');
  expect(open().read('ingress')).toBeUndefined();
});

test('keeps no code of a source that is no file', () => {
  open().write('ingress', { ...code, metafile: { ...metafile, inputs: { 'virtual:one': {} } } as unknown as Metafile });
  expect(open().read('ingress')).toBeUndefined();
});
