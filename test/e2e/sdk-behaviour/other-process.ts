/** One process of an app, for docs/mobile/sdk-behaviour.md: gets a model and prints its digest (R12), or notes events (R27). */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerificationKey } from '../../../functions/protocol/jws.ts';
import { nodeCrypto } from '../../../functions/protocol/node-crypto.ts';
import { ApiClient } from '../../../sdk/typescript/api/api-client.ts';
import { ModelSealClient } from '../../../sdk/typescript/client.ts';
import { fileStorage } from '../../../sdk/typescript/node/file-storage.ts';
import { softwareKey } from '../../../sdk/typescript/node/software-key.ts';
import { ModelStore } from '../../../sdk/typescript/opening/model-store.ts';
import type { Enrolment, EnrolmentStore } from '../../../sdk/typescript/platform.ts';
import { ProtectedModels } from '../../../sdk/typescript/protected-models.ts';
import { developmentPhone } from '../../virtual-phones/development-phone.ts';

const settings = JSON.parse(process.argv[2] ?? '') as {
  readonly folder: string;
  readonly user: string;
  readonly task: { readonly model: string } | { readonly cause: string; readonly events: number };
  readonly pinnedKeys: readonly VerificationKey[];
  readonly networkUrl: string;
  readonly tokenUrl: string;
  readonly developmentUrl: string;
  readonly appId: string;
};

/** As a keychain that the processes of an app share. */
function fileEnrolments(path: string): EnrolmentStore {
  return {
    load: async () => {
      const text = await readFile(path, 'utf8').catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text) as Enrolment);
    },
    save: (enrolment) => writeFile(path, JSON.stringify(enrolment)),
    clear: () => writeFile(path, ''),
  };
}

const { folder, user: account, task, pinnedKeys, developmentUrl, appId } = settings;
const api = new ApiClient({
  baseUrl: settings.networkUrl,
  async userToken() {
    const body = new URLSearchParams({ subject: account });
    const answer = await fetch(settings.tokenUrl, { method: 'POST', body });
    return ((await answer.json()) as { readonly id_token: string }).id_token;
  },
});
const crypto = nodeCrypto;
const platform = developmentPhone({ developmentUrl, platform: 'android', appId });
const enrolments = fileEnrolments(join(folder, '.enrolment'));
const client = new ModelSealClient({ api, platform, enrolments, crypto });
const hardwareKey = softwareKey(crypto, new Uint8Array(32).fill(7));
const storage = fileStorage(folder);
const store = new ModelStore({ crypto, storage, hardwareKey, pinnedKeys, account });
const models = new ProtectedModels({ api, client, store, crypto, pinnedKeys });
if ('model' in task) {
  using model = await models.get(task.model);
  const digest = await model.withModel((bytes) => createHash('sha256').update(bytes).digest('hex'));
  process.stdout.write(digest);
} else {
  for (let n = 0; n < task.events; n++) {
    models.observe({ type: 'app.started', cause: `${task.cause}${n}` });
    await new Promise((done) => setTimeout(done, 5));
  }
  await models.signOut();
}
