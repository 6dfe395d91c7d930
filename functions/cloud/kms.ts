import { createHash, createPublicKey } from 'node:crypto';
import type { KeyManagementServiceClient, protos } from '@google-cloud/kms';
import { crc32c } from './crc32c.ts';
import { callUpstream } from './deadline.ts';
import { ecdsaFromDer } from './ecdsa-der.ts';
import {
  type KeyService,
  type PublicSigningKey,
  type SigningKeyName,
  UnwrapError,
} from './keys.ts';
import { lazy } from './lazy.ts';
import { chosenVersions, type SigningKeys, signedBy, signingKidOf } from './signing-versions.ts';
import { UpstreamError } from './upstream-error.ts';

export interface KmsOptions {
  /**
   * Crypto keys by resource name, `projects/…/locations/…/keyRings/…/cryptoKeys/…`: `vault` is
   * symmetric and wraps data keys, the others are EC_SIGN_P256_SHA256.
   */
  readonly keys: Readonly<Record<'vault' | SigningKeyName, string>>;
  /** Which of their versions sign, are announced, or retired; all others are not there. */
  readonly signingKeys: SigningKeys;
  /** Another service than Google's, such as `http://127.0.0.1:9000`; `http:` means without TLS and credentials. */
  readonly endpoint?: string;
  /** For one call; 5,000 where absent. */
  readonly timeoutMs?: number;
}

type Client = KeyManagementServiceClient;
type Bytes = Uint8Array | string | null | undefined;
type Checksum = protos.google.protobuf.IInt64Value | null | undefined;

const INVALID_ARGUMENT = 3;

/**
 * The key service in Cloud KMS; its client is loaded on first use. Both directions carry CRC-32C
 * checksums: KMS signs and encrypts what was sent, and what arrives here is what KMS sent.
 */
export function kmsKeys(options: KmsOptions): KeyService & { close(): Promise<void> } {
  const client = lazy(() => connect(options.endpoint));
  const timeout = options.timeoutMs ?? 5_000;
  const { signingKeys } = options;
  const cached = new Map<SigningKeyName, PublicKeys>();

  const call = <T>(
    operation: string,
    work: (kms: Client, gax: { readonly timeout: number }) => Promise<T>,
    translate?: (error: unknown) => Error | undefined,
  ): Promise<T> =>
    callUpstream(
      { service: 'kms', operation, timeoutMs: timeout },
      async () => work(await client.get(), { timeout }),
      translate,
    );

  return {
    wrap: (plaintext, aad) =>
      call('encrypt', async (kms, gax) => {
        const [answer] = await kms.encrypt(
          {
            name: options.keys.vault,
            plaintext,
            plaintextCrc32c: { value: crc32c(plaintext) },
            additionalAuthenticatedData: aad,
            additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
          },
          gax,
        );
        const { verifiedPlaintextCrc32c, verifiedAdditionalAuthenticatedDataCrc32c } = answer;
        if (!verifiedPlaintextCrc32c || !verifiedAdditionalAuthenticatedDataCrc32c) {
          throw new Error('the request was altered on its way');
        }
        return intact(answer.ciphertext, answer.ciphertextCrc32c);
      }),

    unwrap: (wrapped, aad) =>
      call(
        'decrypt',
        async (kms, gax) => {
          const [answer] = await kms.decrypt(
            {
              name: options.keys.vault,
              ciphertext: wrapped,
              ciphertextCrc32c: { value: crc32c(wrapped) },
              additionalAuthenticatedData: aad,
              additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
            },
            gax,
          );
          return intact(answer.plaintext, answer.plaintextCrc32c);
        },
        (error) =>
          codeOf(error) === INVALID_ARGUMENT ? new UnwrapError({ cause: error }) : undefined,
      ),

    signingKid: async (key) => signingKidOf(signingKeys, key),

    sign: async (kid, message) => {
      const key = signedBy(signingKeys, kid);
      if (!key) throw new UpstreamError('kms', 'sign', { cause: `does not sign: ${kid}` });
      const sha256 = createHash('sha256').update(message).digest();
      const name = `${options.keys[key]}/cryptoKeyVersions/${signingKeys[key].signing}`;
      return call('sign', async (kms, gax) => {
        const [answer] = await kms.asymmetricSign(
          { name, digest: { sha256 }, digestCrc32c: { value: crc32c(sha256) } },
          gax,
        );
        if (answer.name !== name || !answer.verifiedDigestCrc32c) {
          throw new Error('the request was altered on its way');
        }
        const signature = ecdsaFromDer(intact(answer.signature, answer.signatureCrc32c));
        if (!signature) throw new Error('not a signature of ECDSA P-256');
        return signature;
      });
    },

    publicKeys: async (key) => {
      const known = cached.get(key);
      if (known) return known;
      const keys = await call('public_keys', (kms, gax) => fetchPublicKeys(kms, key, options, gax));
      cached.set(key, keys);
      return keys;
    },

    close: async () => {
      await (await client.current())?.close();
    },
  };
}

type PublicKeys = readonly [PublicSigningKey, ...PublicSigningKey[]];

async function connect(endpoint: string | undefined): Promise<Client> {
  const { KeyManagementServiceClient } = await import('@google-cloud/kms');
  if (endpoint === undefined) return new KeyManagementServiceClient();
  const url = new URL(endpoint);
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  if (url.protocol === 'https:') {
    return new KeyManagementServiceClient({ apiEndpoint: url.hostname, port });
  }
  const { credentials } = await import('@grpc/grpc-js');
  const sslCreds = credentials.createInsecure();
  return new KeyManagementServiceClient({ apiEndpoint: url.hostname, port, sslCreds });
}

/** A version is what it is for ever, and which there are changes with the configuration only. */
async function fetchPublicKeys(
  kms: Client,
  key: SigningKeyName,
  { keys, signingKeys }: KmsOptions,
  gax: { readonly timeout: number },
): Promise<PublicKeys> {
  const [signing, ...others] = await Promise.all(
    chosenVersions(signingKeys, key).map(async ({ kid, version, state }) => {
      const name = `${keys[key]}/cryptoKeyVersions/${version}`;
      const [answer] = await kms.getPublicKey({ name }, gax);
      const pem = intact(answer.pem, answer.pemCrc32c);
      const { kty, crv, x, y } = createPublicKey(Buffer.from(pem)).export({ format: 'jwk' });
      if (answer.name !== name || kty !== 'EC' || crv !== 'P-256' || !x || !y) {
        throw new Error(`${name} is not a P-256 key`);
      }
      return { kid, state, jwk: { kty, crv, x, y } } as const;
    }),
  );
  return [signing as PublicSigningKey, ...others];
}

/** The bytes of an answer, once they match their checksum. */
function intact(value: Bytes, checksum: Checksum): Uint8Array<ArrayBuffer> {
  const bytes = typeof value === 'string' ? Buffer.from(value) : (value ?? new Uint8Array());
  if (Number(checksum?.value ?? -1) !== crc32c(bytes)) {
    throw new Error('the answer was altered on its way');
  }
  return new Uint8Array(bytes);
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
