/** Each attack is refused, and succeeds once its defence is gone: a test that would notice its removal. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SUCCEEDED } from './attack.ts';
import { ATTACKS } from './attacks.ts';
import type { Trial } from './trial.ts';

const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'modelseal-attack-test-'));
const trials = new Map<string, Trial>();

/** In a process of its own: mutants without a defence are made by Node's module hooks, which this runner has not. */
beforeAll(async () => {
  const results = join(folder, 'results.json');
  const script = join(ROOT, 'scripts/attack.ts');
  const flags = ['--disable-warning=ExperimentalWarning', script, '--prove', '--results', results];
  await new Promise<void>((done) => {
    execFile(process.execPath, flags, { cwd: ROOT, maxBuffer: 1 << 24 }, () => done());
  });
  for (const trial of JSON.parse(readFileSync(results, 'utf8')) as Trial[]) {
    trials.set(trial.name, trial);
  }
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('attacks', () => {
  it('are many, and each has a name of its own', () => {
    expect(new Set(ATTACKS.map(({ name }) => name)).size).toBe(ATTACKS.length);
    expect(ATTACKS.length).toBeGreaterThanOrEqual(240);
  });

  it.each(ATTACKS.map(({ name, tries, refused }) => [name, tries, refused] as const))(
    '%s: %s',
    (name, _tries, refused) => {
      expect(trials.get(name)).toMatchObject({
        result: 'refused',
        outcome: refused,
        withoutDefence: SUCCEEDED,
      });
    },
  );
});
