/** A phone of one user with everything an app has, on a network and a storage that fail. */

import { toBase64url } from '../../functions/protocol/encoding.ts';
import { SealError } from '../../functions/protocol/errors.ts';
import { generateRecipientKey } from '../../functions/protocol/hpke.ts';
import { appPhone, genuineIphone, genuinePixel } from '../support/app-phone.ts';
import { TEST_IOS_APP } from '../support/environment.ts';
import { memoryStorage } from '../support/memory-storage.ts';
import type { FaultPlan } from './faulty-cloud.ts';
import { phoneFetch } from './phone-network.ts';
import type { System } from './system.ts';

const SUITE = 'P256-HKDF-SHA256-AES256GCM';

export type Phone = Awaited<ReturnType<typeof createPhone>>;

/** A Pixel has no counter: that its requests are good for once rests on the challenge alone. */
export async function createPhone(system: System, user: string, make: 'iphone' | 'pixel') {
  const { plan, cloud, roots, idp, baseUrl, vendors } = system;
  const clock = { aheadMs: 0 };
  const now = () => new Date(Date.now() + clock.aheadMs);
  const fetch = phoneFetch({ plan, objects: cloud.objects, now: () => new Date() });
  const storage = storageOf(plan);
  const { files } = storage;
  const { api, platform, client, store, models } = appPhone({
    baseUrl,
    userToken: () => idp.token(user),
    fetch,
    platform:
      make === 'iphone'
        ? genuineIphone({ roots, app: TEST_IOS_APP })
        : genuinePixel({ roots, vendors }),
    storage,
    pinnedKeys: [
      ...(await cloud.keys.publicKeys('manifest')),
      ...(await cloud.keys.publicKeys('licence')),
    ],
    retry: { retries: 1, baseDelayMs: 1, maxDelayMs: 2 },
    now,
  });

  return {
    user,
    clock,
    client,
    store,
    models,
    files,
    now,
    /** A whole request for a grant, as somebody who records it would have it, and how it is sent. */
    async recordedGrant(modelId: string) {
      const { deviceId, keyHandle } = await client.enrol();
      const { publicKey } = await generateRecipientKey(SUITE);
      const bytes = new TextEncoder().encode(
        JSON.stringify({
          type: 'model.grant',
          challenge: await api.challenge('model.grant'),
          deviceId,
          modelId,
          version: 'latest',
          recipientKey: toBase64url(publicKey),
          suite: SUITE,
          appVersion: platform.appVersion,
        }),
      );
      const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
      const proof = await platform.prove(keyHandle, hash);
      const request = { clientData: toBase64url(bytes), proof };
      return { deviceId, send: () => api.grant(modelId, request) };
    },
  };
}

/** A storage on which the disk is full now and then. */
function storageOf(plan: FaultPlan) {
  return memoryStorage((bytes) => {
    const fault = plan.next('device');
    if (fault && bytes > fault.amount) throw new SealError('storage-full');
  });
}
