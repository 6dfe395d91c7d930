/** A patch beside the whole: bytes, by how copies are marked, and the time of whoever seals and of whoever opens. */
import { randomFillSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { PublishedVersion } from '../../functions/catalogue/model-record.ts';
import { parseModel } from '../../functions/formats/format.ts';
import { type PatchServices, patchFrom } from '../../functions/grants/seal-patch.ts';
import { collect } from '../../functions/protocol/bytes.ts';
import { type ContainerHeader, DEFAULT_CHUNK_BYTES } from '../../functions/protocol/container.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto as crypto } from '../../functions/protocol/node-crypto.ts';
import { openContainer, reseal, sealPlain } from '../../functions/protocol/stream.ts';
import { applyPatch } from '../support/apply-patch.ts';
import type { Figure } from '../support/figure.ts';
import { benchHeader } from './bench-model.ts';
import { modelBytes } from './model-bytes.ts';
import { drain, inPieces } from './streams.ts';
import { race } from './throughput.ts';

type Place = Pick<ContainerHeader['layers'][number], 'offset' | 'length'>;

/** 2.8 MB of float16 weights. */
const MODEL = 'node_modules/@mediapipe/pose/pose_landmark_lite.tflite';
const TIMED_BYTES = 32 * 2 ** 20;
const ROUNDS = 7;
/** Of a model's bytes, the weights among its last: a head that was trained anew on a frozen backbone. */
const TRAINED_ANEW = 0.1;

export async function run(): Promise<Figure[]> {
  return [...(await shares()), ...(await times())];
}

async function shares(): Promise<Figure[]> {
  const model = await readFile(MODEL);
  const { layers } = await parseModel(model);
  const pairs = { same_file: model, head_anew: trainedAnew(model, layers) };
  const figures: Figure[] = [];
  for (const [pair, older] of Object.entries(pairs)) {
    const { patch } = await modelBytes(older, model);
    for (const [tracing, value] of Object.entries(patch)) {
      const note = 'bytes of the patch, of those of the whole; pose_landmark_lite';
      figures.push({ name: `patch.bytes_share.${pair}.${tracing}`, value, unit: '', note });
    }
  }
  return figures;
}

/** Another training of the last weights; what lies between tensors stays, as the layout does. */
function trainedAnew(model: Uint8Array, layers: readonly Place[]): Uint8Array {
  const older = new Uint8Array(model);
  const from = model.byteLength * (1 - TRAINED_ANEW);
  for (const { offset, length } of layers)
    if (offset >= from) randomFillSync(older, offset, length);
  return older;
}

async function times(): Promise<Figure[]> {
  const model = crypto.randomBytes(TIMED_BYTES);
  const dataKey = crypto.randomBytes(32);
  const from = await deriveKeys(crypto, dataKey, 'vault');
  const to = await deriveKeys(crypto, crypto.randomBytes(32), 'delivery');
  const vaultOf = async (bytes: Uint8Array) => {
    const header = benchHeader(bytes.byteLength);
    return collect(sealPlain(crypto, inPieces(bytes), { header, keys: from }).bytes);
  };
  const base = trainedAnew(model, benchHeader(TIMED_BYTES).layers);
  const [baseVault, vault] = [await vaultOf(base), await vaultOf(model)];
  const services: PatchServices = {
    config: { buckets: { vault: 'vault' } },
    objects: { read: () => inPieces(baseVault) },
    manifests: {
      get: async () => ({ token: '', policy: { tracing: 'off' } as never, layers: [] }),
    },
    versionKeys: { unwrap: async () => dataKey.slice() },
  };
  const version = { manifestDigest: 'base', vaultObject: 'base' } as PublishedVersion;
  const held = { ...{ grantId: 'g', userId: 'u', deviceId: 'd' }, version, sha256: digestOf(base) };
  const sealPatch = () => {
    const options = { source: inPieces(vault), from, to };
    return patchFrom(services, { held, version: { manifestDigest: 'new' } }, options, new Date());
  };
  const sealWhole = () => reseal(crypto, inPieces(vault), { from, to, imprint: true });
  const [patch, whole] = [await collect(sealPatch()), await collect(sealWhole())];
  const opened = new Uint8Array(TIMED_BYTES);
  const timed = await race(TIMED_BYTES, ROUNDS, {
    sealPatch: () => drain(sealPatch()),
    sealWhole: () => drain(sealWhole()),
    openPatch: async () => void (await applyPatch(patch, base, to)),
    async openWhole() {
      const { parts } = await openContainer(crypto, inPieces(whole), to);
      for await (const { offset, bytes } of parts) opened.set(bytes, offset);
    },
  });
  const note = `time of a patch of a tenth, to that of the whole; 32 MiB in ${DEFAULT_CHUNK_BYTES / 1024} KiB chunks, in memory`;
  return [
    { name: 'patch.seal_x_whole', value: timed.ratio('sealWhole', 'sealPatch'), unit: '×', note },
    { name: 'patch.open_x_whole', value: timed.ratio('openWhole', 'openPatch'), unit: '×', note },
  ];
}

/** As a grant's record has it, base64url. */
function digestOf(bytes: Uint8Array): string {
  const digest = crypto.sha256();
  digest.update(bytes);
  return Buffer.from(digest.digest()).toString('base64url');
}
