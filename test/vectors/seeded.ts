/** Keys, signatures and bytes of the vectors: derived from public labels, so that anyone makes the same again. */
import { p256 } from '@noble/curves/nist.js';
import { concat } from '../../functions/protocol/bytes.ts';
import { sha256 } from '../../functions/protocol/crypto.ts';
import { lengthPrefixed, toBase64url } from '../../functions/protocol/encoding.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** SHA-256(label ‖ counter), one block after the other. */
export function seeded(label: string): (length: number) => Uint8Array {
  let counter = 0;
  return (length) => {
    const blocks: Uint8Array[] = [];
    for (let made = 0; made < length; made += 32) {
      blocks.push(sha256(nodeCrypto, lengthPrefixed('modelseal vectors', label, `${counter++}`)));
    }
    return concat(...blocks).subarray(0, length);
  };
}

export const bytesFor = (label: string, length: number): Uint8Array => seeded(label)(length);

/** ECDSA with the nonce of RFC 6979, so that signatures come out the same: r ‖ s as tokens have it, or DER. */
export function signingKey(kid: string) {
  const secret = bytesFor(kid, 32);
  const point = p256.getPublicKey(secret, false);
  const coordinate = (from: number) => toBase64url(point.subarray(from, from + 32));
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33) } as const;
  return {
    kid,
    jwk,
    point,
    sign: (message: Uint8Array) => p256.sign(message, secret, { lowS: false }),
    signDer: (message: Uint8Array) => p256.sign(message, secret, { lowS: false, format: 'der' }),
  };
}
