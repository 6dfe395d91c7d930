/** The keyed pseudo-random sequences behind the marks: AES-256-CTR, of which any part can be had. */
import { createCipheriv, createHmac } from 'node:crypto';
import { utf8 } from '../protocol/bytes.ts';
import { TraceError } from './errors.ts';

const TRACE_KEY_BYTES = 32;
export const BLOCK_BYTES = 16;

/**
 * HMAC-SHA-256 as a key derivation in one step (NIST SP 800-108 with a single block's worth of
 * output): the trace key is uniform already. Throws `trace-key-invalid`.
 */
export function sequenceKey(traceKey: Uint8Array, use: string): Uint8Array {
  if (traceKey.byteLength !== TRACE_KEY_BYTES) throw new TraceError('trace-key-invalid');
  return createHmac('sha256', traceKey)
    .update(utf8(`modelseal/1 trace ${use}`))
    .digest();
}

/** Where the marks are, and what is common to all grants: one word for each group. */
export const placesKey = (traceKey: Uint8Array): Uint8Array => sequenceKey(traceKey, 'places');

/** The sequence that is this grant's alone: one bit for each group. */
export const grantKey = (traceKey: Uint8Array, grantBytes: Uint8Array): Uint8Array =>
  sequenceKey(traceKey, `grant ${Buffer.from(grantBytes).toString('hex')}`);

/** Counter block `number`, all 16 bytes big-endian as CTR counts. */
export function writeCounter(block: Uint8Array, at: number, number: number): void {
  const view = new DataView(block.buffer, block.byteOffset + at, BLOCK_BYTES);
  view.setBigUint64(0, 0n);
  view.setBigUint64(8, BigInt(number));
}

/** What is encrypted: never written to, and shared by all streams. */
let zeros = new Uint8Array(0);

export class Keystream {
  readonly #key: Uint8Array;
  #cipher: ReturnType<typeof createCipheriv> | undefined;
  #next = 0;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Blocks `first` to `first + count`; going on where the last call ended costs least. */
  blocks(first: number, count: number): Uint8Array {
    if (!this.#cipher || this.#next !== first) {
      const counter = new Uint8Array(BLOCK_BYTES);
      writeCounter(counter, 0, first);
      this.#cipher = createCipheriv('aes-256-ctr', this.#key, counter);
    }
    this.#next = first + count;
    const length = count * BLOCK_BYTES;
    if (zeros.byteLength < length) zeros = new Uint8Array(length);
    return this.#cipher.update(zeros.subarray(0, length));
  }
}
