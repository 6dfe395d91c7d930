/**
 * Child process, called twice with a folder and a size in mebibytes: `store` writes a stored model there;
 * `open` opens it and prints by how many bytes the resident memory at its peak was above that of this
 * runtime, with all modules loaded, and the model itself.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto as crypto } from '../../functions/protocol/node-crypto.ts';
import { sealPlain } from '../../functions/protocol/stream.ts';
import { fileStorage } from '../../sdk/typescript/node/file-storage.ts';
import { LayerReader } from '../../sdk/typescript/opening/layer-reader.ts';
import { benchHeader } from './bench-model.ts';
import { peakBytes, residentBytes } from './resident-memory.ts';

const [, , step, folder = '', size] = process.argv;
const sizeBytes = Number(size) * 2 ** 20;
const PIECE_BYTES = 2 ** 20;
const keys = await deriveKeys(crypto, new Uint8Array(32).fill(1), 'storage');
if (step === 'store') await store();
else console.log(await openedBytes());

async function openedBytes(): Promise<number> {
  const storage = fileStorage(folder);
  const read = async (offset: number, length: number) =>
    (await storage.read('model', offset, length)) ?? new Uint8Array();
  const before = await residentBytes();
  const reader = await LayerReader.open(crypto, read, keys);
  const model = await reader.model();
  if (model.byteLength !== sizeBytes) throw new Error('another size');
  return (await peakBytes()) - before - sizeBytes;
}

async function store(): Promise<void> {
  async function* madeUp(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) yield crypto.randomBytes(PIECE_BYTES);
  }
  const header = { ...benchHeader(sizeBytes), imprinted: true };
  const file = await open(join(folder, 'model'), 'w');
  for await (const part of sealPlain(crypto, madeUp(), { header, keys }).bytes) {
    await file.write(part);
  }
  await file.close();
}
