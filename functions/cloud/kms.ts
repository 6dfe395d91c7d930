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
import { UpstreamError } from './upstream-error.ts';

export interface KmsOptions {
  /**
   * Crypto keys by resource name, `projects/…/locations/…/keyRings/…/cryptoKeys/…`: `vault` is
   * symmetric and wraps data keys, the others are EC_SIGN_P256_SHA256.
   */
  readonly keys: Readonly<Record<'vault' | SigningKeyName, string>>;
  /** Another service than Google's, such as `http://127.0.0.1:9000`; `http:` means without TLS and credentials. */
  readonly endpoint?: string;
  /** For one call; 5,000 where absent. */
  readonly timeoutMs?: number;
  /** How long the list of public keys is kept in memory: so late is a new version noticed. 5 minutes where absent. */
  readonly publicKeyCacheMs?: number;
}

type Client = KeyManagementServiceClient;
type Bytes = Uint8Array | string | null | undefined;
type Checksum = protos.google.protobuf.IInt64Value | null | undefined;

const INVALID_ARGUMENT = 3;
const KID = /^(manifest|licence)\.([1-9][0-9]{0,9})$/;

/**
 * The key service in Cloud KMS; its client is loaded on first use. Both directions carry CRC-32C
 * checksums: KMS signs and encrypts what was sent, and what arrives here is what KMS sent.
 */
export function kmsKeys(options: KmsOptions): KeyService & { close(): Promise<void> } {
  const client = lazy(() => connect(options.endpoint));
  const timeout = options.timeoutMs ?? 5_000;
  const cacheMs = options.publicKeyCacheMs ?? 5 * 60_000;
  const cached = new Map<SigningKeyName, { readonly keys: PublicKeys; readonly at: number }>();

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

    sign: async (kid, message) => {
      const [, key, version] = KID.exec(kid) ?? [];
      if (key === undefined)
        throw new UpstreamError('kms', 'sign', { cause: `no such key: ${kid}` });
      const sha256 = createHash('sha256').update(message).digest();
      const name = `${options.keys[key as SigningKeyName]}/cryptoKeyVersions/${version}`;
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
      if (known && Date.now() - known.at < cacheMs) return known.keys;
      const parent = options.keys[key];
      const keys = await call('public_keys', (kms, gax) => fetchPublicKeys(kms, key, parent, gax));
      cached.set(key, { keys, at: Date.now() });
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

async function fetchPublicKeys(
  kms: Client,
  key: SigningKeyName,
  parent: string,
  gax: { readonly timeout: number },
): Promise<PublicKeys> {
  const [versions] = await kms.listCryptoKeyVersions({ parent, filter: 'state=ENABLED' }, gax);
  const numbers = versions.map(({ name }) => Number(name?.split('/').at(-1))).sort((a, b) => b - a);
  const [newest, ...older] = await Promise.all(
    numbers.map(async (version): Promise<PublicSigningKey> => {
      const name = `${parent}/cryptoKeyVersions/${version}`;
      const [answer] = await kms.getPublicKey({ name }, gax);
      const pem = intact(answer.pem, answer.pemCrc32c);
      const { kty, crv, x, y } = createPublicKey(Buffer.from(pem)).export({ format: 'jwk' });
      if (answer.name !== name || kty !== 'EC' || crv !== 'P-256' || !x || !y) {
        throw new Error(`${name} is not a P-256 key`);
      }
      return { kid: `${key}.${version}`, jwk: { kty, crv, x, y } };
    }),
  );
  if (!newest) throw new Error(`${parent} has no enabled version`);
  return [newest, ...older];
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
