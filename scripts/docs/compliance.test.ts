import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { controlsOf, type Evidence, evidenceOf } from '../../test/compliance/controls.ts';
import { compliancePage } from './compliance-page.ts';

const ASVS = controlsOf('asvs');
const CONTROLS = [...ASVS, ...controlsOf('masvs')];

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
    const evidence = CONTROLS.flatMap((control) => control.evidence).map(evidenceOf);
    const faults = await Promise.all(evidence.map(fault));
    expect(faults.filter((each) => each !== undefined)).toEqual([]);
  });

  it('that is not there is found', async () => {
    expect(await fault({ file: 'functions/api/none.test.ts' })).toMatch(/not there/);
    expect(await fault({ file: 'functions/api/api.test.ts', test: 'none' })).toMatch(/no test/);
  });

  it('is given for whatever is met, and a reason for everything else', () => {
    for (const { id, status, evidence, note } of CONTROLS) {
      expect([id, status === 'met' ? evidence.length > 0 : Boolean(note)]).toEqual([id, true]);
    }
  });

  it('covers both levels of ASVS 5.0.0: 70 requirements of the first and 183 of the second', () => {
    const ids = (level: number) => ASVS.filter((one) => one.level === level).map(({ id }) => id);
    expect(new Set(ids(1)).size).toBe(70);
    expect(new Set(ids(2)).size).toBe(183);
    expect(ASVS.length).toBe(253);
  });

  it('is on the page: run npm run docs', async () => {
    expect(await readFile('docs/ops/compliance.md', 'utf8')).toBe(compliancePage());
  });
});
