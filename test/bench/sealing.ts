/** How fast models are sealed and opened: against the ciphers alone, against stock Themis, against others. */

import { execFile } from 'node:child_process';
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { collect } from '../../functions/protocol/bytes.ts';
import { DEFAULT_CHUNK_BYTES } from '../../functions/protocol/container.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto as crypto } from '../../functions/protocol/node-crypto.ts';
import { openContainer, reseal, sealPlain } from '../../functions/protocol/stream.ts';
import { benchHeader } from './bench-model.ts';
import { agePeer, josePeer, type Peer, sodiumPeer, themisPeer } from './sealing-peers.ts';
import { drain, inPieces } from './streams.ts';
import { race } from './throughput.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly note: string;
}

const MODEL_BYTES = 64 * 2 ** 20;
const ROUNDS = 9;
/** Slow contestants get a part of it, and fewer rounds. */
const PART_BYTES = 8 * 2 ** 20;
const PEER_ROUNDS = 5;

type PeerName = 'themis' | 'age' | 'sodium' | 'jose';

export async function run(): Promise<Figure[]> {
  const fast = await measureFast();
  const peers = await measurePeers();
  const growth = (await peakRss(1024)) - (await peakRss(16));
  const figure = (name: string, value: number, unit: string, note: string): Figure => ({
    name,
    value,
    unit,
    note,
  });
  const times = (name: string, peer: PeerName, note: string) =>
    figure(`seal.x_${name}`, peers.ratio('seal', peer), '×', note);
  return [
    figure(
      'seal.mb_s',
      fast.rate('seal'),
      'MB/s',
      '64 MiB, vault to delivery: open, imprint, seal',
    ),
    figure(
      'seal.of_cipher_limit',
      fast.ratio('seal', 'sealLimit'),
      '',
      'same passes, ciphers alone',
    ),
    figure(
      'open.mb_s',
      fast.rate('open'),
      'MB/s',
      '64 MiB, delivery to memory: open, imprint, SHA-256',
    ),
    figure(
      'open.of_cipher_limit',
      fast.ratio('open', 'openLimit'),
      '',
      'same passes, primitives alone',
    ),
    times('wasm_themis', 'themis', 'our three passes against its one, Secure Cell Seal'),
    times('age', 'age', 'against one layer of age-encryption (X25519)'),
    times('libsodium', 'sodium', 'against one layer of libsodium secretstream'),
    times('jose_jwe', 'jose', 'against one JWE (dir, A256GCM) of the whole file'),
    figure('open.x_wasm_themis', peers.ratio('open', 'themisOpen'), '×', 'opening, as above'),
    figure('open.x_age', peers.ratio('open', 'ageOpen'), '×', 'opening, as above'),
    figure('open.x_libsodium', peers.ratio('open', 'sodiumOpen'), '×', 'opening, as above'),
    figure('open.x_jose_jwe', peers.ratio('open', 'joseOpen'), '×', 'opening, as above'),
    figure('seal.rss_growth_mb', growth / 1e6, 'MB', 'peak RSS, a 1 GiB model over a 16 MiB one'),
  ];
}

/** Our whole job on this model: vault to delivery, and delivery to memory. */
async function ours(model: Uint8Array): Promise<Peer> {
  const header = benchHeader(model.byteLength);
  const from = await deriveKeys(crypto, crypto.randomBytes(32), 'vault');
  const to = await deriveKeys(crypto, crypto.randomBytes(32), 'delivery');
  const vault = await collect(sealPlain(crypto, inPieces(model), { header, keys: from }).bytes);
  const options = { from, to, imprint: true };
  const delivered = await collect(reseal(crypto, inPieces(vault), options));
  const opened = new Uint8Array(model.byteLength);
  return {
    seal: () => drain(reseal(crypto, inPieces(vault), options)),
    open: async () => {
      const digest = crypto.sha256();
      const { parts } = await openContainer(crypto, inPieces(delivered), to);
      for await (const { offset, bytes } of parts) {
        digest.update(bytes);
        opened.set(bytes, offset);
      }
      digest.digest();
    },
  };
}

async function measureFast() {
  const model = crypto.randomBytes(MODEL_BYTES);
  const { seal, open } = await ours(model);
  const ciphers = rawCiphers(model);
  return race(MODEL_BYTES, ROUNDS, {
    seal,
    sealLimit: () => ciphers((chunk) => chunk.open().ctr().seal()),
    open,
    openLimit: () => {
      const digest = createHash('sha256');
      ciphers((chunk) => digest.update(chunk.open().ctr().bytes));
      digest.digest();
    },
  });
}

/** Node's ciphers over the chunks of a model, one pass after the other, and nothing else. */
function rawCiphers(model: Uint8Array) {
  const [key, iv, counter] = [crypto.randomBytes(32), new Uint8Array(12), new Uint8Array(16)];
  const sealed = Array.from({ length: MODEL_BYTES / DEFAULT_CHUNK_BYTES }, (_, i) => {
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    const at = i * DEFAULT_CHUNK_BYTES;
    const ciphertext = cipher.update(model.subarray(at, at + DEFAULT_CHUNK_BYTES));
    cipher.final();
    return { ciphertext, tag: cipher.getAuthTag() };
  });
  class Passes {
    readonly bytes: Uint8Array;
    constructor(bytes: Uint8Array) {
      this.bytes = bytes;
    }
    ctr(): Passes {
      return new Passes(createCipheriv('aes-256-ctr', key, counter).update(this.bytes));
    }
    seal(): void {
      const cipher = createCipheriv('aes-256-gcm', key, iv);
      cipher.update(this.bytes);
      cipher.final();
      cipher.getAuthTag();
    }
  }
  return (passes: (chunk: { open(): Passes }) => void) => {
    for (const { ciphertext, tag } of sealed) {
      passes({
        open() {
          const decipher = createDecipheriv('aes-256-gcm', key, iv).setAuthTag(tag);
          const bytes = decipher.update(ciphertext);
          decipher.final();
          return new Passes(bytes);
        },
      });
    }
  };
}

async function measurePeers() {
  const bytes = crypto.randomBytes(PART_BYTES);
  const own = await ours(bytes);
  const [themis, age, sodium, jose] = [
    await themisPeer(bytes),
    await agePeer(bytes),
    await sodiumPeer(bytes),
    await josePeer(bytes),
  ];
  return race(PART_BYTES, PEER_ROUNDS, {
    seal: own.seal,
    open: own.open,
    themis: themis.seal,
    age: age.seal,
    sodium: sodium.seal,
    jose: jose.seal,
    themisOpen: themis.open,
    ageOpen: age.open,
    sodiumOpen: sodium.open,
    joseOpen: jose.open,
  });
}

/** Peak resident memory in bytes of a process that seals a model of so many MiB. */
async function peakRss(megabytes: number): Promise<number> {
  const script = fileURLToPath(new URL('./sealing-rss.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, String(megabytes)]);
  return Number(stdout);
}
