/**
 * From nothing to a first inference: enrols a phone in software, gets a protected model and runs it with
 * LiteRT.js. `node main.mjs stack.json MODEL`; README.md beside this file says how to begin the stack.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ApiClient,
  ModelSealClient,
  ModelStore,
  memoryEnrolmentStore,
  ProtectedModels,
} from '@modelseal/client';
import { nodeCrypto as crypto, fileStorage, softwareKey } from '@modelseal/client/node';
import { developmentPhone } from '@modelseal/client/testing';
import { runModel } from './litert.mjs';

const [, , stackFile, modelId] = process.argv;
const stack = JSON.parse(await readFile(stackFile, 'utf8'));
const account = 'sample';

// An app's own: its identity provider, keys that are pinned when it is built, a folder that stays.
async function userToken() {
  const body = new URLSearchParams({ subject: account });
  const answer = await fetch(stack.tokenUrl, { method: 'POST', body });
  return (await answer.json()).id_token;
}
const { keys } = await (await fetch(`${stack.baseUrl}/v1/keys`)).json();
const pinnedKeys = keys.map(({ kid, x, y }) => ({ kid, jwk: { kty: 'EC', crv: 'P-256', x, y } }));
const folder = await mkdtemp(join(tmpdir(), 'modelseal-sample-'));

// On a phone: iosPlatform or androidPlatform, keychainKey, fileSystemStorage, keychainEnrolments.
const platform = developmentPhone({
  developmentUrl: stack.developmentUrl,
  platform: 'ios',
  appId: stack.apps.ios.appId,
});
const hardwareKey = softwareKey(crypto, crypto.randomBytes(32));
const storage = fileStorage(folder);
const enrolments = memoryEnrolmentStore();

const api = new ApiClient({ baseUrl: stack.baseUrl, userToken });
const client = new ModelSealClient({ api, platform, enrolments, crypto });
const store = new ModelStore({ crypto, storage, hardwareKey, pinnedKeys, account });
const models = new ProtectedModels({ api, client, store, crypto, pinnedKeys });

try {
  await models.cleanUp();
  const model = await models.get(modelId);
  try {
    const { version, format } = model.tokens.manifest;
    const outputs = await model.withModel(runModel);
    const line = JSON.stringify({ model: modelId, version, format, outputs });
    process.stdout.write(`${line}\n`);
  } finally {
    model.close();
  }
  await models.sendReports();
} finally {
  await rm(folder, { recursive: true });
}
