/**
 * Child process: reads and encrypts a model of so many megabytes as publishing does, or reads the hostile
 * file of that name; prints seconds and peak resident memory, before and after, in bytes.
 */
import { readFileSync } from 'node:fs';
import { FormatError } from '../../functions/formats/errors.ts';
import { parseModel } from '../../functions/formats/format.ts';
import type { ModelSource } from '../../functions/formats/random-access.ts';
import { DEFAULT_CHUNK_BYTES } from '../../functions/protocol/container.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto as crypto } from '../../functions/protocol/node-crypto.ts';
import { sealPlain } from '../../functions/protocol/stream.ts';
import { HOSTILE_MODELS } from '../../test/support/hostile-models.ts';
import { safetensorsFile } from '../../test/support/model-files.ts';

const [, , what = '', size = '0'] = process.argv;
const sizeBytes = Number(size);
const LAYERS = 256;
const PIECE = crypto.randomBytes(1 << 16);

/** VmHWM is this program's own; a child's `maxRSS` begins with what its parent had. */
const peakBytes = () => {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
};

async function publish(): Promise<string> {
  const length = Math.floor(sizeBytes / LAYERS / 4) * 4;
  const tensors = Array.from({ length: LAYERS }, (_, i) => [
    `layer.${i}.weight`,
    { dtype: 'F16', shape: [2, length / 4], data_offsets: [i * length, (i + 1) * length] },
  ]);
  const head = safetensorsFile(Object.fromEntries(tensors), new Uint8Array(0));
  const plainBytes = head.byteLength + LAYERS * length;
  const model: ModelSource = {
    sizeBytes: plainBytes,
    read: (offset, count) => {
      const bytes = new Uint8Array(count);
      bytes.set(head.subarray(offset, offset + count));
      return bytes;
    },
  };
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield head.slice();
    for (let left = LAYERS * length; left > 0; left -= PIECE.byteLength) {
      yield PIECE.slice(0, Math.min(left, PIECE.byteLength));
    }
  }
  const { layers } = await parseModel(model);
  const keys = await deriveKeys(crypto, crypto.randomBytes(32), 'vault');
  const header = { imprinted: false, chunkBytes: DEFAULT_CHUNK_BYTES, plainBytes, layers };
  let sealedBytes = 0;
  for await (const part of sealPlain(crypto, stream(), { header, keys }).bytes) {
    sealedBytes += part.byteLength;
  }
  return sealedBytes > plainBytes ? 'sealed' : 'failed';
}

async function hostile(): Promise<string> {
  const bytes = HOSTILE_MODELS[what]?.(sizeBytes) ?? new Uint8Array(0);
  globalThis.gc?.();
  return measured(() =>
    parseModel({
      sizeBytes: bytes.byteLength,
      read: async (offset, length) => bytes.slice(offset, offset + length),
    }).then(
      () => 'read',
      (error: unknown) => (error instanceof FormatError ? error.code : `untyped ${error}`),
    ),
  );
}

async function measured(work: () => Promise<string>): Promise<string> {
  const before = peakBytes();
  const startedAt = performance.now();
  const processor = process.threadCpuUsage();
  const outcome = await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.threadCpuUsage(processor);
  return JSON.stringify({
    outcome,
    seconds,
    processorSeconds: (user + system) / 1e6,
    peakBytes: peakBytes(),
    grownBytes: peakBytes() - before,
  });
}

console.log(await (what === 'publish' ? measured(publish) : hostile()));
