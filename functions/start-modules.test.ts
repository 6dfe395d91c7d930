import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { FUNCTIONS } from './registry.ts';

const PROGRAM = join(import.meta.dirname, '../test/support/start-modules.ts');
const run = promisify(execFile);

/** The modules of functions/ that an instance has loaded once it could serve. */
async function startModules(name: string): Promise<readonly string[]> {
  const flags = ['--disable-warning=ExperimentalWarning', PROGRAM, name];
  const { stdout } = await run(process.execPath, flags, { env: { PATH: process.env['PATH'] } });
  return JSON.parse(stdout) as readonly string[];
}

describe('at its start', () => {
  // What most users wait for, and what says that one function pays for no other.
  it.each([
    ['keys', 15],
    ['challenge', 37],
    ['grant', 117],
  ])('%s loads %i modules at most', async (name, most) => {
    const modules = await startModules(name);
    expect(modules).toContain(`api/${name}.ts`);
    expect(modules.length > most ? modules : []).toEqual([]);
  });

  // Attestation chains and the vendors' roots are dear to read.
  const served = FUNCTIONS.filter(({ trigger }) => trigger.kind !== 'event');
  it.each(served.map(({ name }) => [name]))(
    '%s loads trust anchors only if it needs them',
    async (name) => {
      const anchors = (await startModules(name)).filter((module) =>
        module.includes('trust-anchors'),
      );
      expect(anchors.length > 0).toBe(['enroll', 'receipts'].includes(name));
    },
  );
});
