/**
 * The code that catches colluders: Tardos's (https://doi.org/10.1145/1346330.1346335). Each position
 * has a secret bias p; each copy has a 1 there with the probability p, independently of all others.
 * Biases follow the arcsine law in sixteen steps, the nodes of Gauss and Chebyshev, whose moments up to
 * the 31st are its own (finite sets do: Nuida et al., https://arxiv.org/abs/cs/0610036). Half of the
 * positions are the user's on all devices, half the device's.
 */
import { fingerprintBytes, userPart } from './fingerprint.ts';
import { Keystream, sequenceKey } from './keystream.ts';

/** The code's length; in models with more marks, several weights bear the same bit. */
export const POSITIONS = 1 << 17;
export const HALF = POSITIONS / 2;

/** A copy has a 1 where a byte that is its own is below this, of 256. */
export const THRESHOLDS: readonly number[] = Array.from({ length: 16 }, (_, k) =>
  Math.min(255, Math.max(1, Math.round(256 * Math.sin(((2 * k + 1) * Math.PI) / 64) ** 2))),
);

/** The position whose bit a group of weights bears: user's and device's in turn. */
export const positionOf = (group: number): number =>
  ((group & 1) * HALF) | ((group >>> 1) & (HALF - 1));

/** For each position which of `THRESHOLDS` is its own: secret, and the same for all copies. */
export function biasClasses(traceKey: Uint8Array): Uint8Array {
  const bytes = new Keystream(sequenceKey(traceKey, 'biases')).blocks(0, POSITIONS / 16);
  // In loops, here and below: sealing a copy waits for them.
  for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) & 15;
  return bytes;
}

export type CopyHalves = readonly [user: Uint8Array, device: Uint8Array];

/** A copy's bytes, one for each position: below the threshold, its bit is 1. */
export class CopyBytes {
  readonly #traceKey: Uint8Array;

  constructor(traceKey: Uint8Array) {
    this.#traceKey = traceKey;
  }

  /** The first `count` of the user's half and of the device's. Throws `fingerprint-invalid`. */
  of(fingerprint: string, count = HALF): CopyHalves {
    const bytes = fingerprintBytes(fingerprint);
    return [this.#half('user', userPart(bytes), count), this.#half('device', bytes, count)];
  }

  #half(of: string, bytes: Uint8Array, count: number): Uint8Array {
    const key = sequenceKey(this.#traceKey, `${of} ${Buffer.from(bytes).toString('hex')}`);
    return new Keystream(key).blocks(0, count / 16);
  }
}

const LIMITS = Uint8Array.from(THRESHOLDS);

/** A copy's bits, one byte each. Throws `fingerprint-invalid`. */
export function codeword(
  traceKey: Uint8Array,
  fingerprint: string,
  classes = biasClasses(traceKey),
): Uint8Array {
  const bits = new Uint8Array(POSITIONS);
  const [user, device] = new CopyBytes(traceKey).of(fingerprint);
  for (let i = 0, j = HALF; i < HALF; i++, j++) {
    // The sign of the difference: no processor could predict a branch.
    bits[i] = ((user[i] as number) - (LIMITS[classes[i] as number] as number)) >>> 31;
    bits[j] = ((device[i] as number) - (LIMITS[classes[j] as number] as number)) >>> 31;
  }
  return bits;
}
