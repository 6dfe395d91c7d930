/** How many bytes of a version a patch of the one before saves, and how many packing would. */
import { performance } from 'node:perf_hooks';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { parseModel } from '../../functions/formats/format.ts';
import { alignLayers, stepFinder } from '../../functions/grants/find-steps.ts';
import { createMarking } from '../../functions/grants/watermarking.ts';
import { containerBytes, DEFAULT_CHUNK_BYTES } from '../../functions/protocol/container.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { sealPatch } from '../../functions/protocol/patch.ts';
import type { Strength } from '../../functions/watermark/strength.ts';

type Parsed = Awaited<ReturnType<typeof parsed>>;

async function parsed(bytes: Uint8Array) {
  const { layers } = await parseModel(bytes).catch(() => parseModel(bytes, 'opaque'));
  const plainBytes = bytes.byteLength;
  return {
    bytes,
    layers,
    header: { imprinted: true, chunkBytes: DEFAULT_CHUNK_BYTES, plainBytes, layers },
  };
}

async function* partsOf(bytes: Uint8Array) {
  for (let offset = 0; offset < bytes.byteLength; offset += DEFAULT_CHUNK_BYTES) {
    yield { offset, bytes: new Uint8Array(bytes.subarray(offset, offset + DEFAULT_CHUNK_BYTES)) };
  }
}

/** As one device has it: each version has a key of its own. */
async function marked({ bytes, layers }: Parsed, version: number, strength?: Strength) {
  if (!strength) return bytes;
  const grant = { grantId: `g_${'A'.repeat(22)}`, userId: 'u_1', deviceId: 'd_1' };
  const { stage } = await createMarking(new Uint8Array(32).fill(version), grant, layers, strength);
  const parts = await Array.fromAsync(stage(partsOf(bytes)));
  return new Uint8Array(Buffer.concat(parts.map((part) => part.bytes)));
}

/** Of the whole delivery; more than 0.7 would not be sent. */
async function patchShare(base: Parsed, model: Parsed, strength?: Strength): Promise<number> {
  const old = await marked(base, 1, strength);
  const next = await marked(model, 2, strength);
  const readBase = (offset: number, into: Uint8Array) =>
    into.set(old.subarray(offset, offset + into.byteLength));
  const keys = await deriveKeys(nodeCrypto, new Uint8Array(32), 'delivery');
  const findSteps = stepFinder(alignLayers(base.header, model.header), readBase);
  const options = { header: model.header, base: new Uint8Array(32), keys, findSteps };
  let sizeBytes = 0;
  for await (const piece of sealPatch(nodeCrypto, options, partsOf(next)))
    sizeBytes += piece.byteLength;
  return sizeBytes / containerBytes(model.header);
}

/** The first bytes of all numbers, then the second, and so on: exponents repeat, mantissas do not. */
function planes({ bytes, layers }: Parsed): Uint8Array {
  const out = new Uint8Array(bytes);
  for (const { offset, length, dtype = '' } of layers) {
    const width = /64$/.test(dtype) ? 8 : /32$/.test(dtype) ? 4 : /16$/.test(dtype) ? 2 : 1;
    const count = Math.floor(length / width);
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < width; k++) {
        out[offset + k * count + i] = bytes[offset + i * width + k] as number;
      }
    }
  }
  return out;
}

function packed(bytes: Uint8Array) {
  const params = { [constants.ZSTD_c_compressionLevel]: 3 };
  const begin = performance.now();
  const pack = zstdCompressSync(bytes, { params });
  const between = performance.now();
  zstdDecompressSync(pack);
  return {
    share: pack.byteLength / bytes.byteLength,
    packMs: between - begin,
    unpackMs: performance.now() - between,
  };
}

export interface ModelBytes {
  /** By how copies are marked: bytes of the patch, of those of a whole delivery. */
  readonly patch: Readonly<Record<'off' | Strength, number>>;
  /** Packed by zstd as it is, and by byte planes: bytes, of those of the model; time on this machine. */
  readonly zstd: ReturnType<typeof packed>;
  readonly planes: ReturnType<typeof packed>;
}

/** Throws FormatError for no model file. */
export async function modelBytes(older: Uint8Array, newer: Uint8Array): Promise<ModelBytes> {
  const [base, model] = [await parsed(older), await parsed(newer)];
  return {
    patch: {
      off: await patchShare(base, model),
      light: await patchShare(base, model, 'light'),
      standard: await patchShare(base, model, 'standard'),
      resistant: await patchShare(base, model, 'resistant'),
    },
    zstd: packed(newer),
    planes: packed(planes(model)),
  };
}
