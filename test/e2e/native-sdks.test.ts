/** The SDKs in other languages, by their own builds: Kotlin's needs Java and Maven. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const run = promisify(execFile);
const ANDROID = join(import.meta.dirname, '../../sdk/android');

const isThere = (command: string, argument: string) =>
  run(command, [argument]).then(
    () => true,
    () => false,
  );

const missing = [
  ...((await isThere('java', '-version')) ? [] : ['Java 17']),
  ...((await isThere('mvn', '--version')) ? [] : ['Maven']),
];

if (process.env['MODELSEAL_NATIVE_SDKS'] === 'tested') {
  it('Kotlin was built and tested by a step of its own', () => {
    expect(missing).toEqual([]);
  });
} else if (missing.length > 0) {
  it(`Kotlin is not tested here: ${missing.join(' and ')} not found`, () => {
    console.warn(`Skipped: sdk/android, without ${missing.join(' and ')}.`);
    // Where every change is checked, nothing is left out.
    expect(process.env['CI']).not.toBe('true');
  });
} else {
  it('Kotlin: mvn -f sdk/android verify', async () => {
    await run('mvn', ['-B', '-q', '-f', ANDROID, 'verify'], { maxBuffer: 1 << 26 }).catch(
      ({ stdout }: { readonly stdout: string }) => {
        throw new Error(stdout.slice(-8000));
      },
    );
  }, 900_000);
}
