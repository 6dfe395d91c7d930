/** Worker of first-model.ts: new phones with the TypeScript SDK, in a process of their own as the Kotlin ones are. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VerificationKey } from '../../functions/protocol/jws.ts';
import { nodeCrypto as crypto } from '../../functions/protocol/node-crypto.ts';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import { ModelSealClient } from '../../sdk/typescript/client.ts';
import { fileStorage } from '../../sdk/typescript/node/file-storage.ts';
import { softwareKey } from '../../sdk/typescript/node/software-key.ts';
import { ModelStore } from '../../sdk/typescript/opening/model-store.ts';
import { memoryEnrolmentStore } from '../../sdk/typescript/platform.ts';
import { ProtectedModels } from '../../sdk/typescript/protected-models.ts';
import { serveWorker } from '../load/worker.ts';
import { developmentPhone } from '../virtual-phones/development-phone.ts';

interface FirstModel {
  readonly baseUrl: string;
  readonly developmentUrl: string;
  readonly appId: string;
  readonly pinnedKeys: readonly VerificationKey[];
  readonly model: string;
  readonly user: string;
  readonly token: string;
}

const methods = { firstModel };
export type FirstModelPhone = typeof methods;
serveWorker(methods);

/** How many milliseconds a new user's new phone takes to enrol, be granted the model and open it. */
async function firstModel(of: FirstModel): Promise<number> {
  const { baseUrl, developmentUrl, appId, pinnedKeys, user: account } = of;
  const folder = await mkdtemp(join(tmpdir(), 'modelseal-bench-'));
  try {
    const api = new ApiClient({ baseUrl, userToken: async () => of.token });
    const platform = developmentPhone({ developmentUrl, platform: 'android', appId });
    const enrolments = memoryEnrolmentStore();
    const client = new ModelSealClient({ api, platform, enrolments, crypto });
    const hardwareKey = softwareKey(crypto, new Uint8Array(32).fill(7));
    const storage = fileStorage(folder);
    const store = new ModelStore({ crypto, storage, hardwareKey, pinnedKeys, account });
    const models = new ProtectedModels({ api, client, store, crypto, pinnedKeys });
    const begin = performance.now();
    using model = await models.get(of.model);
    await model.withModel((bytes) => bytes.byteLength);
    return performance.now() - begin;
  } finally {
    await rm(folder, { recursive: true });
  }
}
