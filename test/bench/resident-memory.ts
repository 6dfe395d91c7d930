/** This process's memory as the kernel counts it. */
import { readFile } from 'node:fs/promises';

async function statusBytes(name: string): Promise<number | undefined> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/** Resident now. */
export const residentBytes = async (): Promise<number> =>
  (await statusBytes('VmRSS')) ?? process.memoryUsage.rss();

/** Resident at most so far. A child's `maxRSS` begins with what its parent had; VmHWM is this program's own. */
export const peakBytes = async (): Promise<number> =>
  (await statusBytes('VmHWM')) ?? process.resourceUsage().maxRSS * 1024;
