import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** `npm start` in a process of its own. */
export interface StartCommand {
  readonly child: ChildProcess;
  /** All it printed so far. */
  output(): string;
  /** Resolves with the text that `pattern` found in the output; rejects when the process ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** The processes that it started and that still run. */
  descendants(): readonly number[];
  /** Resolves with the exit code. */
  ended(): Promise<number | null>;
}

const SCRIPT = join(import.meta.dirname, '../../scripts/start.ts');

export function runStart(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): StartCommand {
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      child.emit('printed');
    });
  }
  return {
    child,
    output: () => output,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(output);
          if (found) resolve(found);
        };
        child.on('printed', look);
        void ended.then(() => reject(new Error(`ended without ${pattern}:\n${output}`)));
        look();
      }),
    descendants: () => descendantsOf(child.pid ?? 0),
    ended: () => ended,
  };
}

function descendantsOf(pid: number): readonly number[] {
  const children = running().filter(({ parent }) => parent === pid);
  return children.flatMap((child) => [child.pid, ...descendantsOf(child.pid)]);
}

/** Those of `pids` that still run; a zombie, which only waits to be noticed, does not. */
export function stillRunning(pids: readonly number[]): readonly number[] {
  return running().flatMap(({ pid }) => (pids.includes(pid) ? [pid] : []));
}

function running(): readonly { readonly pid: number; readonly parent: number }[] {
  return execFileSync('/bin/ps', ['-A', '-o', 'pid=,ppid=,stat='])
    .toString()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => state !== undefined && !state.startsWith('Z'))
    .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }));
}
