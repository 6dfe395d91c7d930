/** This process's own CPU profile, summed by part of the system. */
import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProfiledPart {
  readonly part: string;
  /** Of the time in which the process was not idle. */
  readonly share: number;
}

/** A part is told by the place of the function at the top of the stack; the first that fits. */
const PARTS: readonly (readonly [part: string, place: RegExp])[] = [
  [
    'sealing: ciphers and keys',
    /functions\/protocol|internal\/crypto\/(?:cipher|hash|keygen|random)/,
  ],
  ['attestation, proofs', /functions\/(?:attestation|identity)/],
  ['tokens and HPKE', /node_modules\/(?:jose|hpke)|internal\/crypto/],
  ['validation', /node_modules\/zod|functions\/validation/],
  ['doubles of the cloud', /test\/(?:doubles|load)/],
  ['rest of the functions', /functions\//],
  [
    'HTTP and framework',
    /node_modules\/|node:(?:_http|http|net|internal\/(?:http|stream|streams|net|timers))|node:(?:stream|events|buffer)/,
  ],
];

/** Watches for so many seconds. */
export async function cpuProfile(seconds: number): Promise<readonly ProfiledPart[]> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 500 });
    await session.post('Profiler.start');
    await sleep(seconds * 1000);
    const { profile } = await session.post('Profiler.stop');
    const hits = new Map<string, number>();
    for (const { callFrame, hitCount = 0 } of profile.nodes) {
      const part = partOf(callFrame.functionName, callFrame.url);
      if (part) hits.set(part, (hits.get(part) ?? 0) + hitCount);
    }
    const all = [...hits.values()].reduce((sum, count) => sum + count, 0);
    return [...hits]
      .map(([part, count]) => ({ part, share: count / all }))
      .sort((a, b) => b.share - a.share);
  } finally {
    session.disconnect();
  }
}

function partOf(functionName: string, url: string): string | undefined {
  if (functionName === '(idle)' || functionName === '(root)') return undefined;
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(program)') return 'native code outside calls';
  return PARTS.find(([, place]) => place.test(url))?.[0] ?? 'the rest of Node';
}
