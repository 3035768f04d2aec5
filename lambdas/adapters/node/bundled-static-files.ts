import { readFile } from 'node:fs/promises';
import type { StaticFile, StaticFiles } from '../../ports/runtime/static-files.ts';

/** What the bundle's list says of a file. */
type Listed = Readonly<Record<string, Pick<StaticFile, 'contentType' | 'digest'>>>;

/**
 * Files that the bundle holds, plain and compressed, and `files.json`, which lists them: no other path is read.
 *
 * @param folder - With a slash at its end.
 */
export function createBundledStaticFiles(folder: URL): StaticFiles {
  let listing: Promise<Listed> | undefined;
  const files = new Map<string, Promise<StaticFile>>();
  const list = () => {
    listing ??= readFile(new URL('files.json', folder), 'utf8').then((text) => JSON.parse(text) as Listed);
    return listing;
  };
  const read = async (path: string, known: Listed[string]): Promise<StaticFile> => {
    const [plain, gzip, br] = await Promise.all(
      ['', '.gz', '.br'].map((end) => readFile(new URL(`${path}${end}`, folder))),
    );
    return { ...known, plain, gzip, br } as StaticFile;
  };
  return {
    async find(path) {
      const listed = await list();
      const known = Object.hasOwn(listed, path) ? listed[path] : undefined;
      if (known === undefined) return undefined;
      const file = files.get(path) ?? read(path, known);
      files.set(path, file);
      return file;
    },
  };
}
