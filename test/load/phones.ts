/** Many virtual phones, each of a user of its own behind a network of its own, as real load comes. */

import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import { ModelSealClient } from '../../sdk/typescript/client.ts';
import { type DevicePlatform, memoryEnrolmentStore } from '../../sdk/typescript/platform.ts';
import { LOCAL_APP } from '../stack/local-environment.ts';
import type { TestRoots } from '../virtual-phones/test-roots.ts';
import { virtualIphone } from '../virtual-phones/virtual-iphone.ts';
import type { ObservedHttp, SentRequest } from './observed-http.ts';

export interface LoadPhone {
  readonly platform: DevicePlatform;
  readonly api: ApiClient;
  readonly client: ModelSealClient;
  /** The request for a grant, with its challenge and proof, that the phone would send now. */
  prepareGrant(model: string): Promise<SentRequest>;
}

export interface PhoneMaker {
  readonly http: ObservedHttp;
  readonly roots: TestRoots;
  /** A user token of this subject. */
  readonly token: (subject: string) => Promise<string>;
}

/** Tokens live for ten minutes. */
const TOKEN_USE_MS = 300_000;

/** The iPhone of user `index`. It tries every call once. */
export function loadPhone({ http, roots, token }: PhoneMaker, index: number): LoadPhone {
  const platform = virtualIphone({ roots, ...LOCAL_APP, environment: 'production' });
  // A /24 of its own; the local front door writes this field itself.
  const network = { 'X-Forwarded-For': `10.${index >> 8}.${index & 255}.1` };
  let current: { readonly token: Promise<string>; readonly until: number } | undefined;
  const userToken = () => {
    if (!current || current.until < Date.now()) {
      current = { token: token(`load-${index}`), until: Date.now() + TOKEN_USE_MS };
    }
    return current.token;
  };
  const api = new ApiClient({
    baseUrl: 'http://load.invalid',
    userToken,
    fetch: http.fetchWith(network),
  });
  const options = {
    platform,
    enrolments: memoryEnrolmentStore(),
    crypto: nodeCrypto,
    retry: { retries: 0, baseDelayMs: 0, maxDelayMs: 0 },
  };
  return {
    platform,
    api,
    client: new ModelSealClient({ api, ...options }),
    async prepareGrant(model) {
      let prepared: SentRequest | undefined;
      const observed = http.fetchWith(network);
      const holdingBack = new ApiClient({
        baseUrl: 'http://load.invalid',
        userToken,
        async fetch(input, init) {
          const path = new URL(String(input)).pathname;
          if (!path.endsWith('/grants')) return observed(input, init);
          const headers = { ...(init?.headers as Record<string, string>), ...network };
          prepared = { path, headers, body: String(init?.body) };
          return new Response('{}', { status: 503 });
        },
      });
      await new ModelSealClient({ api: holdingBack, ...options })
        .grant(model)
        .catch(() => undefined);
      if (!prepared) throw new Error('no grant was asked for');
      return prepared;
    },
  };
}
