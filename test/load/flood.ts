/** Prepared requests for grants, sent at a pace that the server may not be able to serve. */
import type { FreePhones } from './free-phones.ts';
import { Histogram } from './histogram.ts';
import type { ObservedHttp, SentRequest } from './observed-http.ts';
import { atPace, type Pace } from './pacing.ts';
import type { LoadPhone } from './phones.ts';

/**
 * A phone and what it will ask for, in the order of its counter. What was refused for want of room
 * was not looked at, so the phone asks for it again.
 */
export interface LoadedPhone {
  readonly http: ObservedHttp;
  readonly requests: SentRequest[];
}

export interface Flood {
  readonly pace: Pace;
  readonly seconds: number;
}

export interface FloodResult {
  /** From the first call to the last answer. */
  readonly seconds: number;
  readonly offered: number;
  readonly served: number;
  /** Refused with 429 or 503. */
  readonly shed: number;
  readonly shedWithRetryAfter: number;
  /** Everything else. */
  readonly failed: number;
  /** Counts of a Histogram of what was served, and of how long a refusal took. */
  readonly times: readonly number[];
  readonly refusalTimes: readonly number[];
  /** Seconds after the beginning at which the last call began that was not served within half a second. */
  readonly troubleUntilSeconds: number;
  readonly cpuMs: number;
}

const SLOW_MS = 500;
const NO_ANSWER = { status: 0, retryAfterSeconds: undefined };

export async function loadPhones(
  phones: readonly (LoadPhone & { readonly http: ObservedHttp })[],
  model: string,
  requestsEach: number,
): Promise<readonly LoadedPhone[]> {
  return Promise.all(
    phones.map(async (phone) => {
      const requests: SentRequest[] = [];
      while (requests.length < requestsEach) requests.push(await phone.prepareGrant(model));
      return { http: phone.http, requests };
    }),
  );
}

export async function flood(
  phones: FreePhones<LoadedPhone>,
  { pace, seconds }: Flood,
): Promise<FloodResult> {
  const counts = { offered: 0, served: 0, shed: 0, shedWithRetryAfter: 0, failed: 0 };
  const times = new Histogram();
  const refusalTimes = new Histogram();
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  let troubleUntilSeconds = 0;

  const call = async (countFrom: number): Promise<void> => {
    counts.offered += 1;
    const served = await phones.with(async ({ http, requests }) => {
      const [request] = requests;
      if (!request) throw new Error('the prepared requests are used up');
      const { status, retryAfterSeconds } = await http.post(request).catch(() => NO_ANSWER);
      const ms = performance.now() - countFrom;
      if (status === 429 || status === 503) {
        counts.shed += 1;
        if (retryAfterSeconds !== undefined) counts.shedWithRetryAfter += 1;
        refusalTimes.record(ms);
        return false;
      }
      requests.shift();
      if (status !== 201) {
        counts.failed += 1;
        return false;
      }
      counts.served += 1;
      times.record(ms);
      return ms < SLOW_MS;
    });
    if (!served)
      troubleUntilSeconds = Math.max(troubleUntilSeconds, (countFrom - startedAt) / 1000);
  };

  await atPace(pace, seconds, call);
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    ...counts,
    seconds: (performance.now() - startedAt) / 1000,
    times: times.counts,
    refusalTimes: refusalTimes.counts,
    troubleUntilSeconds,
    cpuMs: (user + system) / 1000,
  };
}
