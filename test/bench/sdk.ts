/** How fast the SDKs open a stored model, and in how much memory: against the same passes of the ciphers alone, in the same runtime. */
import { execFile } from 'node:child_process';
import { createDecipheriv } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { concat } from '../../functions/protocol/bytes.ts';
import { containerBytes } from '../../functions/protocol/container.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto as crypto } from '../../functions/protocol/node-crypto.ts';
import { sealPlain } from '../../functions/protocol/stream.ts';
import { LayerReader } from '../../sdk/typescript/opening/layer-reader.ts';
import type { Figure } from '../support/figure.ts';
import { benchHeader } from './bench-model.ts';
import { kotlinFigures } from './sdk-kotlin.ts';
import { race } from './throughput.ts';

const MODEL_BYTES = 64 * 2 ** 20;
const CHUNK_BYTES = 2 ** 20;
const ROUNDS = 7;
const LARGE_MIB = 512;

export async function run(): Promise<Figure[]> {
  const keys = await deriveKeys(crypto, crypto.randomBytes(32), 'storage');
  const header = { ...benchHeader(MODEL_BYTES), imprinted: true };
  async function* model() {
    for (let at = 0; at < MODEL_BYTES; at += CHUNK_BYTES) yield crypto.randomBytes(CHUNK_BYTES);
  }
  const parts: Uint8Array[] = [];
  for await (const part of sealPlain(crypto, model(), { header, keys }).bytes) parts.push(part);
  const stored = concat(...parts);
  if (stored.byteLength !== containerBytes(header)) throw new Error('another size');
  const read = (offset: number, length: number) => stored.subarray(offset, offset + length);

  const [key, iv, counter] = [crypto.randomBytes(32), crypto.randomBytes(12), Buffer.alloc(16)];
  const results = await race(MODEL_BYTES, ROUNDS, {
    open: async () => {
      const reader = await LayerReader.open(crypto, read, keys);
      (await reader.model()).fill(0);
    },
    limit: () => {
      const whole = new Uint8Array(MODEL_BYTES);
      for (let at = 0; at < MODEL_BYTES; at += CHUNK_BYTES) {
        const cell = stored.subarray(at, at + CHUNK_BYTES);
        const chunk = createDecipheriv('aes-256-gcm', key, iv).update(cell);
        whole.set(createDecipheriv('aes-256-ctr', key, counter).update(chunk), at);
      }
      whole.fill(0);
    },
    bare: () => {
      for (let at = 0; at < MODEL_BYTES; at += CHUNK_BYTES) {
        const cell = stored.subarray(at, at + CHUNK_BYTES);
        createDecipheriv('aes-256-gcm', key, iv).update(cell);
        createDecipheriv('aes-256-ctr', key, counter).update(cell);
      }
    },
  });
  return [
    {
      name: 'sdk.ts.open_mb_s',
      value: results.rate('open'),
      unit: 'MB/s',
      note: '64 MiB from storage to one buffer in the clear: AES-GCM and AES-CTR',
    },
    {
      name: 'sdk.ts.open_of_cipher_limit',
      value: results.ratio('open', 'limit'),
      unit: '',
      note: 'the same passes by the ciphers alone, into one buffer, wiped',
    },
    {
      name: 'sdk.ts.open_of_bare_ciphers',
      value: results.ratio('open', 'bare'),
      unit: '',
      note: 'the same passes, what comes out thrown away',
    },
    {
      name: 'sdk.ts.open_mb_above_model',
      value: (await peakAboveModel()) / 2 ** 20,
      unit: 'MiB',
      note: `peak memory while ${LARGE_MIB} MiB are opened from a file, above the model and the runtime`,
    },
    ...(await kotlinFigures()),
  ];
}

/** In bytes; in a process of its own, whose peak is nobody else's. */
async function peakAboveModel(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'modelseal-bench-'));
  const child = async (step: string) => {
    const script = join(import.meta.dirname, 'sdk-rss.ts');
    const args = ['--disable-warning=ExperimentalWarning', script, step, folder, `${LARGE_MIB}`];
    return (await promisify(execFile)(process.execPath, args)).stdout;
  };
  try {
    await child('store');
    return Number(await child('open'));
  } finally {
    await rm(folder, { recursive: true });
  }
}
