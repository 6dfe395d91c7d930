/** A test that is named as evidence fails when its control is gone; else it would be no evidence. */
import { execFile } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { controlsOf, evidenceOf } from './controls.ts';
import { LOST_CONTROLS, type LostControl } from './lost-controls.ts';

const TRANSFORM = JSON.stringify({
  '^.+\\.ts$': [
    '<rootDir>/test/compliance/edited-transform.ts',
    { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
  ],
});

interface Counts {
  readonly numFailedTests: number;
  readonly numPassedTests: number;
}

/** Runs the test of some evidence with a control's edits made. */
async function without({ evidence, edits }: LostControl): Promise<Counts> {
  const { file, test = '' } = evidenceOf(evidence);
  // A contract is run by the test of a double that has to keep it.
  const path = file.endsWith('.contract.ts') ? 'test/contract/memory.test.ts' : file;
  const title = test.split('%s').map(RegExp.escape).join('.*');
  const words = [
    '--experimental-vm-modules',
    'node_modules/jest/bin/jest.js',
    '--json',
    '--silent',
  ];
  const options = ['--transform', TRANSFORM, '--testNamePattern', title, '--runInBand'];
  const env = { ...process.env, EVIDENCE_EDITS: JSON.stringify(edits) };
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [...words, ...options, '--', path], { env }, (_, stdout) =>
      resolve(stdout),
    );
  });
  return JSON.parse(output) as Counts;
}

describe('evidence', () => {
  const named = new Map(controlsOf('asvs').map(({ id, evidence }) => [id, evidence]));

  it.each(LOST_CONTROLS)(
    'for $id fails without its control',
    async (control) => {
      expect(named.get(control.id)).toContain(control.evidence);
      expect((await without(control)).numFailedTests).toBeGreaterThan(0);
    },
    120_000,
  );

  it('passes where nothing was edited', async () => {
    const [control] = LOST_CONTROLS;
    if (!control) throw new RangeError('no control');
    const { numFailedTests, numPassedTests } = await without({ ...control, edits: [] });
    expect({ numFailedTests, passes: numPassedTests > 0 }).toEqual({
      numFailedTests: 0,
      passes: true,
    });
  }, 120_000);
});
