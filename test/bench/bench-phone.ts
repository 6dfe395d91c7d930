/** A virtual phone that takes the time of its calls. */

import type { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import type { ModelSealClient } from '../../sdk/typescript/client.ts';
import { phoneClient } from '../support/app-phone.ts';
import type { VirtualPlatform } from '../virtual-phones/virtual-platform.ts';

export interface PhoneTimes {
  /** What the caller waits for, without the phone's own work: a real phone's hardware takes its own time. */
  readonly wholeMs: number;
  /** Undefined where the challenge had come with the answer before. */
  readonly challengeMs: number | undefined;
  /** The call that the challenge was for. */
  readonly callMs: number;
}

export interface BenchPhone {
  readonly api: ApiClient;
  readonly client: ModelSealClient;
  /** Runs work of one call and, unless it has come, its challenge. */
  timed(work: () => Promise<unknown>): Promise<PhoneTimes>;
}

export function benchPhone(baseUrl: string, token: string, platform: VirtualPlatform): BenchPhone {
  let calls: number[] = [];
  let ownMs = 0;
  const own = async <T>(work: Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const result = await work;
    ownMs += performance.now() - startedAt;
    return result;
  };
  const { api, client } = phoneClient({
    baseUrl,
    userToken: async () => token,
    fetch: async (input, init) => {
      const startedAt = performance.now();
      const response = await fetch(input, init);
      calls.push(performance.now() - startedAt);
      return response;
    },
    platform: {
      ...platform,
      createAttestedKey: (hash) => own(platform.createAttestedKey(hash)),
      prove: (handle, hash) => own(platform.prove(handle, hash)),
    },
  });
  return {
    api,
    client,
    async timed(work) {
      calls = [];
      ownMs = 0;
      const startedAt = performance.now();
      await work();
      const wholeMs = performance.now() - startedAt - ownMs;
      const [callMs, challengeMs, ...more] = calls.toReversed();
      if (callMs === undefined || more.length > 0) {
        throw new Error(`${calls.length} calls instead of one or two`);
      }
      return { wholeMs, challengeMs, callMs };
    },
  };
}
