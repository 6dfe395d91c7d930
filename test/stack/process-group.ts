import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface SpawnOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Output and errors are appended here. */
  readonly logFile: string;
}

export interface GroupedProcess {
  readonly name: string;
  readonly pid: number;
  /** Throws, with the end of its log, once the process is gone. */
  assertAlive(): void;
}

/** Child processes that end with this one, however it ends. */
export interface ProcessGroup {
  spawn(
    name: string,
    command: string,
    args: readonly string[],
    options: SpawnOptions,
  ): GroupedProcess;
  /** Asks every process to end, ends those that do not within two seconds, and waits for them all. */
  stop(): Promise<void>;
}

/**
 * Reads `+pid` and `-pid` on its standard input and kills the process groups left at its end. The
 * pipe ends when this process does, even by SIGKILL, which no handler in here could notice.
 */
const REAPER = `
trap '' HUP INT TERM
alive=
while read -r line; do
  case $line in
    +*) alive="$alive \${line#+}" ;;
    -*) rest=; for pid in $alive; do [ "$pid" = "\${line#-}" ] || rest="$rest $pid"; done; alive=$rest ;;
  esac
done
for pid in $alive; do kill -s KILL -- "-$pid"; done
`;

export function createProcessGroup(): ProcessGroup {
  // Detached, like all children: a Ctrl-C in the terminal reaches this process alone.
  const reaper = spawn('/bin/sh', ['-c', REAPER], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // A reaper that is gone must not take the stack with it.
  reaper.stdin.on('error', () => undefined);
  const reaperEnded = ended(reaper);
  const children = new Map<ChildProcess, Promise<void>>();

  const signal = (child: ChildProcess, name: NodeJS.Signals): void => {
    if (child.pid === undefined || !children.has(child)) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // It ended by itself just now.
    }
  };

  return {
    spawn: (name, command, args, { env, logFile }) => {
      const log = openSync(logFile, 'a');
      const child = spawn(command, args, { env, stdio: ['ignore', log, log], detached: true });
      closeSync(log);
      const pid = child.pid;
      let failure: Error | undefined;
      child.once('error', (error) => {
        failure = error;
      });
      if (pid === undefined) throw new Error(`${name} does not start: ${command}`);
      reaper.stdin.write(`+${pid}\n`);
      children.set(
        child,
        ended(child).then(() => {
          children.delete(child);
          reaper.stdin.write(`-${pid}\n`);
        }),
      );
      return {
        name,
        pid,
        assertAlive: () => {
          if (children.has(child) && !failure) return;
          const end = readFileSync(logFile, 'utf8').slice(-2_000);
          throw new Error(`${name} has ended; its log ${logFile} says:\n${end}`, {
            cause: failure,
          });
        },
      };
    },
    stop: async () => {
      for (const child of children.keys()) signal(child, 'SIGTERM');
      const impatience = setTimeout(() => {
        for (const child of children.keys()) signal(child, 'SIGKILL');
      }, 2_000);
      await Promise.all(children.values());
      clearTimeout(impatience);
      reaper.stdin.end();
      await reaperEnded;
    },
  };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}
