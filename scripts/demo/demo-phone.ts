/** A person with a virtual iPhone, for the demo. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VerificationKey } from '../../functions/protocol/jws.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import { ModelSealClient } from '../../sdk/typescript/client.ts';
import { fileStorage } from '../../sdk/typescript/node/file-storage.ts';
import { softwareKey } from '../../sdk/typescript/node/software-key.ts';
import { ModelStore } from '../../sdk/typescript/opening/model-store.ts';
import { memoryEnrolmentStore } from '../../sdk/typescript/platform.ts';
import { ProtectedModels } from '../../sdk/typescript/protected-models.ts';
import type { TestRoots } from '../../test/virtual-phones/test-roots.ts';
import { virtualIphone } from '../../test/virtual-phones/virtual-iphone.ts';
import type { VirtualPlatform } from '../../test/virtual-phones/virtual-platform.ts';

export interface DemoPhoneOptions {
  readonly baseUrl: string;
  readonly user: string;
  readonly token: (subject: string) => Promise<string>;
  readonly roots: TestRoots;
  readonly pinnedKeys: readonly VerificationKey[];
  readonly app: { readonly teamId: string; readonly bundleId: string };
  /** An iPhone where absent. */
  readonly platform?: VirtualPlatform;
}

export type DemoPhone = ReturnType<typeof demoPhone>;

/** Does not retry: the demo shows what the server says. */
export function demoPhone(options: DemoPhoneOptions) {
  const { baseUrl, user, token, roots, pinnedKeys, app } = options;
  const api = new ApiClient({ baseUrl, userToken: () => token(user) });
  const platform: VirtualPlatform =
    options.platform ?? virtualIphone({ roots, ...app, environment: 'production' });
  const enrolments = memoryEnrolmentStore();
  const client = new ModelSealClient({
    api,
    platform,
    enrolments,
    crypto: nodeCrypto,
    retry: { retries: 0, baseDelayMs: 0, maxDelayMs: 0 },
  });
  const directory = mkdtempSync(join(tmpdir(), 'modelseal-phone-'));
  const store = new ModelStore({
    crypto: nodeCrypto,
    storage: fileStorage(directory),
    hardwareKey: softwareKey(nodeCrypto, nodeCrypto.randomBytes(32)),
    pinnedKeys,
    account: user,
  });
  const models = new ProtectedModels({ api, client, store, crypto: nodeCrypto, pinnedKeys });
  return { user, api, platform, client, store, models, directory, enrolments };
}
