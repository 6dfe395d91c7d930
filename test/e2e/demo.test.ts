import { execFile } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';

interface Step {
  readonly step: number;
  readonly title: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** The demo as a newcomer runs it, told for machines. */
function runDemo(...options: string[]) {
  return new Promise<{ code: number; ok: boolean; mode: string; steps: Step[]; pid: number }>(
    (resolve, reject) => {
      const child = execFile(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', 'scripts/demo.ts', '--json', ...options],
        { maxBuffer: 1 << 24 },
        (error, stdout, stderr) => {
          try {
            resolve({ code: child.exitCode ?? -1, pid: child.pid ?? 0, ...JSON.parse(stdout) });
          } catch {
            reject(new Error(`${error?.message}\n${stdout}\n${stderr}`));
          }
        },
      );
    },
  );
}

describe('the whole system, through the Functions Framework and HTTP', () => {
  it('keeps every promise of the demo', async () => {
    const { code, ok, steps } = await runDemo();
    expect(steps.filter((step) => !step.ok)).toEqual([]);
    expect(steps.length).toBeGreaterThanOrEqual(19);
    expect({ code, ok }).toEqual({ code: 0, ok: true });
  }, 180_000);

  it('keeps them on in-memory doubles too', async () => {
    const { code, mode, steps } = await runDemo('--in-memory');
    expect(steps.filter((step) => !step.ok)).toEqual([]);
    expect({ code, mode }).toEqual({ code: 0, mode: 'in-memory' });
  }, 180_000);
});
