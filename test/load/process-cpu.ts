/** CPU time of the local stack's processes, from Linux's /proc; zero where there is none. */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, which every Linux that runs Node has at 100. */
const TICK_MS = 10;

/** Milliseconds so far of the functions' processes and of the emulators'. */
export function cpuOfChildren(): { readonly functions: number; readonly emulators: number } {
  const sums = { functions: 0, emulators: 0 };
  for (const pid of processes()) {
    const [stat, environment] = [read(pid, 'stat'), read(pid, 'environ')];
    // The name, in brackets, may hold anything; the rest are numbers: state, parent, …
    const name = /\((.*)\)/s.exec(stat)?.[1];
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(fields[1]) !== process.pid) continue;
    const ms = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    if (/(?:^|\0)FUNCTION_TARGET=/.test(environment)) sums.functions += ms;
    else if (name === 'java') sums.emulators += ms;
  }
  return sums;
}

function processes(): readonly string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** Empty where the process has ended meanwhile or is somebody else's. */
function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
