/**
 * Check the relative links of every Markdown page: each names a file of the repository, and its anchor a heading.
 *
 * A check that reads nothing would pass, so it also fails when it finds no page or no link.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkLinks } from './markdown-links.ts';
import { listFiles, repository } from './repository-files.ts';

const files = new Set(listFiles().filter((file) => existsSync(resolve(repository, file))));
const pages = new Map(
  [...files]
    .filter((file) => file.endsWith('.md'))
    .map((file) => [file, readFileSync(resolve(repository, file), 'utf8')] as const),
);
const { count, broken } = checkLinks(pages, files);

const faults = broken.map(({ file, line, link, reason }) => `${file}:${line}: ${link}: ${reason}`);
if (pages.size === 0) faults.push('No Markdown page was found.');
if (count === 0) faults.push('No relative link was found.');
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`${pages.size} pages, ${count} relative links, ${faults.length} faults\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
