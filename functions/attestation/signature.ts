import { type KeyObject, verify } from 'node:crypto';
import { AttestationError } from './errors.ts';

/** By object identifier (RFC 5758, RFC 4055 and RFC 9881): the hash, and the kind of key that signs so. */
const ALGORITHMS: ReadonlyMap<string, { hash: string | null; key: string }> = new Map([
  ['1.2.840.10045.4.3.2', { hash: 'sha256', key: 'ec' }],
  ['1.2.840.10045.4.3.3', { hash: 'sha384', key: 'ec' }],
  ['1.2.840.10045.4.3.4', { hash: 'sha512', key: 'ec' }],
  ['1.2.840.113549.1.1.11', { hash: 'sha256', key: 'rsa' }],
  ['1.2.840.113549.1.1.12', { hash: 'sha384', key: 'rsa' }],
  ['1.2.840.113549.1.1.13', { hash: 'sha512', key: 'rsa' }],
  ['2.16.840.1.101.3.4.3.17', { hash: null, key: 'ml-dsa-44' }],
  ['2.16.840.1.101.3.4.3.18', { hash: null, key: 'ml-dsa-65' }],
  ['2.16.840.1.101.3.4.3.19', { hash: null, key: 'ml-dsa-87' }],
]);

export interface SignatureInput {
  /** Object identifier of the signature algorithm. */
  readonly algorithm: string;
  readonly key: KeyObject;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Whether `key` signed `data`, found out on the thread pool: curve arithmetic is nearly all that a
 * verification costs. Throws AttestationError `certificate-algorithm` where the algorithm is not
 * allowed or not one of this key's.
 */
export async function isSigned(input: SignatureInput): Promise<boolean> {
  const algorithm = ALGORITHMS.get(input.algorithm);
  if (!algorithm) throw new AttestationError('certificate-algorithm', input.algorithm);
  if (input.key.asymmetricKeyType !== algorithm.key) {
    throw new AttestationError('certificate-algorithm', 'signature is not of the key’s kind');
  }
  return await new Promise((resolve) => {
    // A signature that cannot even be decoded is an error to OpenSSL and a wrong one to us.
    verify(algorithm.hash, input.data, input.key, input.signature, (error, valid) =>
      resolve(!error && valid),
    );
  });
}
