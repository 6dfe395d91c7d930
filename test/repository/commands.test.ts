/** Every command of package.json says what it takes, and refuses what it does not, in one line. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const COMMANDS = Object.entries(scripts).flatMap(([name, line]) => {
  const file = /^node (?:--\S+ )*(scripts\/\S+\.ts)$/.exec(line)?.[1];
  return file === undefined ? [] : [{ name, file }];
});
COMMANDS.push({ name: 'release', file: 'scripts/release/main.ts' });

const run = (file: string, ...args: string[]) =>
  new Promise<{ readonly code: unknown; readonly out: string; readonly err: string }>((resolve) => {
    const all = ['--disable-warning=ExperimentalWarning', file, ...args];
    execFile(process.execPath, all, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    );
  });

describe('every command', () => {
  it('is known here', () => {
    expect(COMMANDS.length).toBeGreaterThan(15);
  });

  it.each(COMMANDS)('says what it takes: $name', async ({ name, file }) => {
    const { code, out, err } = await run(file, '--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(name);
    expect(out).toMatch(/Options:\n/);
  });

  it.each(COMMANDS)('refuses in one line what it does not take: $name', async ({ file }) => {
    const { code, out, err } = await run(file, '--no-such-option');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    // What a command cannot do without is asked for first.
    expect(err).toMatch(/^error: (?:unknown option '--no-such-option'|required option .*)\n$/);
  });

  it.each([
    ['scripts/simulate.ts', '--days', 'ten'],
    ['scripts/load.ts', '--only', 'everything'],
    ['scripts/bench.ts', '--only', 'everything'],
    ['scripts/soak.ts', '--minutes', '-1'],
    ['scripts/smoke.ts', '--identity', 'none'],
    ['scripts/smoke.ts', '--url', 'http://127.0.0.1:9', '--identity', 'none'],
    ['scripts/report.ts', 'something'],
  ])('names the wrong value, or what is missing: %s %s', async (file, ...args) => {
    const { code, err } = await run(file, ...args);
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*\n$/);
  });
});
