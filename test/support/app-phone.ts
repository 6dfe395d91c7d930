/** An app on a phone in software: the one place where tests and tools put the SDK's parts together. */
import type { VerificationKey } from '../../functions/protocol/jws.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { ApiClient, type ApiOptions } from '../../sdk/typescript/api/api-client.ts';
import type { RetryPolicy } from '../../sdk/typescript/api/retry.ts';
import { ModelSealClient } from '../../sdk/typescript/client.ts';
import { softwareKey } from '../../sdk/typescript/node/software-key.ts';
import type { ModelStorage } from '../../sdk/typescript/opening/model-storage.ts';
import { ModelStore } from '../../sdk/typescript/opening/model-store.ts';
import {
  type DevicePlatform,
  type EnrolmentStore,
  memoryEnrolmentStore,
} from '../../sdk/typescript/platform.ts';
import { ProtectedModels } from '../../sdk/typescript/protected-models.ts';
import { LOCAL_ANDROID_APP, type LocalVendors } from '../doubles/vendors.ts';
import type { VirtualAppAttestOptions } from '../virtual-phones/app-attest.ts';
import type { TestRoots } from '../virtual-phones/test-roots.ts';
import { virtualIphone } from '../virtual-phones/virtual-iphone.ts';
import { type VirtualPixelOptions, virtualPixel } from '../virtual-phones/virtual-pixel.ts';

/** Tests and tools show what the server says. */
const NO_RETRY: RetryPolicy = { retries: 0, baseDelayMs: 0, maxDelayMs: 0 };

export interface PhoneClientOptions<P extends DevicePlatform> extends ApiOptions {
  readonly platform: P;
  /** One of its own, in memory, where absent. */
  readonly enrolments?: EnrolmentStore;
  /** Never, where absent. */
  readonly retry?: RetryPolicy;
  readonly now?: () => Date;
}

/** A phone that talks to the API and stores nothing. */
export function phoneClient<P extends DevicePlatform>({
  platform,
  enrolments = memoryEnrolmentStore(),
  retry = NO_RETRY,
  now,
  ...connection
}: PhoneClientOptions<P>) {
  const api = new ApiClient(connection);
  const parts = { api, platform, enrolments, crypto: nodeCrypto, retry };
  return {
    api,
    platform,
    enrolments,
    client: new ModelSealClient({ ...parts, ...(now && { now }) }),
  };
}

export interface AppPhoneOptions<P extends DevicePlatform> extends PhoneClientOptions<P> {
  readonly storage: ModelStorage;
  /** Whoever is signed in; always the same where absent. */
  readonly account?: string;
  readonly pinnedKeys: readonly VerificationKey[];
}

/** A phone with everything an app has. */
export function appPhone<P extends DevicePlatform>(options: AppPhoneOptions<P>) {
  const { storage, pinnedKeys, account = 'user', now } = options;
  const phone = phoneClient(options);
  const { api, client } = phone;
  const hardwareKey = softwareKey(nodeCrypto, nodeCrypto.randomBytes(32));
  const kept = { storage, hardwareKey, pinnedKeys, account };
  const store = new ModelStore({ crypto: nodeCrypto, ...kept });
  const parts = { api, client, store, crypto: nodeCrypto, pinnedKeys };
  return { ...phone, store, models: new ProtectedModels({ ...parts, ...(now && { now }) }) };
}

/** An iPhone as it comes from the shop, with the app installed. */
export const genuineIphone = (
  {
    roots,
    app,
  }: {
    readonly roots: TestRoots;
    readonly app: Pick<VirtualAppAttestOptions, 'teamId' | 'bundleId'>;
  },
  changes: Partial<VirtualAppAttestOptions> = {},
) => virtualIphone({ roots, ...app, environment: 'production', ...changes });

/** A Pixel as it comes from the shop, with the app installed. */
export const genuinePixel = (
  { roots, vendors }: { readonly roots: TestRoots; readonly vendors: Pick<LocalVendors, 'play'> },
  changes: Partial<VirtualPixelOptions> = {},
) => virtualPixel({ roots, ...LOCAL_ANDROID_APP, playIntegrity: vendors.play, ...changes });
