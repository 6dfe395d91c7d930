/** Many virtual phones, each of a user of its own behind a network of its own, as real load comes. */

import type { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import type { ModelSealClient } from '../../sdk/typescript/client.ts';
import { type DevicePlatform, memoryEnrolmentStore } from '../../sdk/typescript/platform.ts';
import { LOCAL_APP } from '../stack/local-environment.ts';
import { genuineIphone, phoneClient } from '../support/app-phone.ts';
import type { TestRoots } from '../virtual-phones/test-roots.ts';
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
  const platform = genuineIphone({ roots, app: LOCAL_APP });
  // A /24 of its own; the local front door writes this field itself.
  const network = { 'X-Forwarded-For': `10.${index >> 8}.${index & 255}.1` };
  let current: { readonly token: Promise<string>; readonly until: number } | undefined;
  const userToken = () => {
    if (!current || current.until < Date.now()) {
      current = { token: token(`load-${index}`), until: Date.now() + TOKEN_USE_MS };
    }
    return current.token;
  };
  const phoneWith = (fetch: typeof globalThis.fetch, enrolments = memoryEnrolmentStore()) =>
    phoneClient({ baseUrl: 'http://load.invalid', userToken, fetch, platform, enrolments });
  const { api, client, enrolments } = phoneWith(http.fetchWith(network));
  return {
    platform,
    api,
    client,
    async prepareGrant(model) {
      let prepared: SentRequest | undefined;
      const observed = http.fetchWith(network);
      const holdingBack: typeof fetch = async (input, init) => {
        const path = new URL(String(input)).pathname;
        if (!path.endsWith('/grants')) return observed(input, init);
        const headers = { ...(init?.headers as Record<string, string>), ...network };
        prepared = { path, headers, body: String(init?.body) };
        return new Response('{}', { status: 503 });
      };
      await phoneWith(holdingBack, enrolments)
        .client.grant(model)
        .catch(() => undefined);
      if (!prepared) throw new Error('no grant was asked for');
      return prepared;
    },
  };
}
