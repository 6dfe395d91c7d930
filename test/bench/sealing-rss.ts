/**
 * Child process: seals a model of so many megabytes, marked if a second argument says so, and prints
 * its peak resident memory in bytes.
 */
import { createMarking } from '../../functions/grants/watermarking.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto as crypto } from '../../functions/protocol/node-crypto.ts';
import { reseal, sealPlain } from '../../functions/protocol/stream.ts';
import { benchHeader } from './bench-model.ts';
import { peakBytes } from './resident-memory.ts';

const sizeBytes = Number(process.argv[2]) * 2 ** 20;
const PIECE_BYTES = 65_536;
const GRANT = { grantId: `g_${'A'.repeat(22)}`, userId: 'u_1', deviceId: 'd_1' };

/** A model that exists nowhere as a whole. */
async function* madeUp(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) yield crypto.randomBytes(PIECE_BYTES);
}

const from = await deriveKeys(crypto, crypto.randomBytes(32), 'vault');
const to = await deriveKeys(crypto, crypto.randomBytes(32), 'delivery');
const vault = sealPlain(crypto, madeUp(), { header: benchHeader(sizeBytes), keys: from });
const layers = benchHeader(sizeBytes).layers.map((layer) => {
  return { ...layer, dtype: 'float16', shape: [2, Math.floor(layer.length / 4)] };
});
const { stage } = await createMarking(crypto.randomBytes(32), GRANT, layers, 'resistant');
const options = { from, to, imprint: true, ...(process.argv[3] === 'marked' && { stage }) };
let sealedBytes = 0;
for await (const part of reseal(crypto, vault.bytes, options)) {
  sealedBytes += part.byteLength;
}
if (sealedBytes !== vault.sizeBytes) throw new Error(`sealed ${sealedBytes} bytes`);
console.log(await peakBytes());
