/** Links between the pages of this repository, and mentions of pages in the code, lead somewhere. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from '@jest/globals';
import { ROOT } from './source-files.ts';

const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter(
    (path) => path !== '' && existsSync(join(ROOT, path)) && statSync(join(ROOT, path)).isFile(),
  );

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** As GitHub makes the anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .replace(/\]\([^)]*\)/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

function anchorsOf(page: string): ReadonlySet<string> {
  const text = page.replace(/^```[\s\S]*?^```/gm, '');
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading ?? '')));
}

function brokenLinksOf(path: string): readonly string[] {
  const text = read(path).replace(/^```[\s\S]*?^```/gm, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#');
      const page = file === '' ? path : normalize(join(dirname(path), file));
      if (!existsSync(join(ROOT, page))) return true;
      return anchor !== undefined && !anchorsOf(read(page)).has(anchor);
    })
    .map((target) => `${path}: ${target}`);
}

it('leads each link of a page somewhere', () => {
  const pages = FILES.filter((path) => path.endsWith('.md'));
  expect(pages.length).toBeGreaterThan(10);
  expect(pages.flatMap(brokenLinksOf)).toEqual([]);
});

it('finds each page that code or configuration names', () => {
  const missing = FILES.filter((path) => /\.(?:ts|tf|ya?ml|json|kts?|swift)$/.test(path)).flatMap(
    (path) =>
      [...read(path).matchAll(/(?<![\w/.-])docs\/[\w/-]+\.md\b/g)]
        .map(([page]) => page)
        .filter((page) => !existsSync(join(ROOT, page)))
        .map((page) => `${path}: ${page}`),
  );
  expect(missing).toEqual([]);
});
