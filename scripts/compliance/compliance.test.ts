import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { ASVS, type Evidence } from './asvs.ts';
import { MASVS } from './masvs.ts';
import { compliancePage } from './page.ts';

/** Why the evidence is none; undefined where it is there. */
async function fault({ file, test }: Evidence): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return `${file} is not there`;
  if (test === undefined) return undefined;
  const titles = [...text.matchAll(/\bit(?:\.each[\s\S]*?\))?\(\s*(['"`])(.*?)\1/g)].map(
    ([, , title]) => title,
  );
  return titles.includes(test) ? undefined : `${file} has no test "${test}"`;
}

describe('the evidence', () => {
  it('is there: every file, and every test by its title', async () => {
    const evidence = [...ASVS, ...MASVS].flatMap((control) => control.evidence);
    const faults = await Promise.all(evidence.map(fault));
    expect(faults.filter((each) => each !== undefined)).toEqual([]);
  });

  it('that is not there is found', async () => {
    expect(await fault({ file: 'functions/api/none.test.ts' })).toMatch(/not there/);
    expect(await fault({ file: 'functions/api/api.test.ts', test: 'none' })).toMatch(/no test/);
  });

  it('is given for every yes, and a reason for everything else', () => {
    for (const { id, status, evidence, note } of [...ASVS, ...MASVS]) {
      expect([id, status === 'yes' ? evidence.length > 0 : Boolean(note)]).toEqual([id, true]);
    }
  });

  it('is on the page: run npm run docs', async () => {
    expect(await readFile('docs/ops/compliance.md', 'utf8')).toBe(compliancePage());
  });
});
