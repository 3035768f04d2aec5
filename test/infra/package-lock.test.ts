import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
}

const { packages } = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};

test('every package that npm downloads, for any platform, has the hash of its content', () => {
  const downloaded = Object.entries(packages).filter(
    // npm does not download the project itself; a bundled package is part of another package.
    ([place, { link, inBundle }]) => place !== '' && link !== true && inBundle !== true,
  );
  expect(downloaded.length).toBeGreaterThan(100);
  const unhashed = downloaded.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''));
  expect(unhashed.map(([place]) => place)).toEqual([]);
});
