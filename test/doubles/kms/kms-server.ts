import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { crc32c } from '../../../functions/cloud/crc32c.ts';
import { type LocalKeyNames, type LocalKeys, openLocalKeys } from './kms-keys.ts';

export interface KmsServerOptions {
  readonly names: LocalKeyNames;
  /** Keeps the keys between runs. */
  readonly keyFile?: string;
}

export interface KmsServer {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  stop(): Promise<void>;
}

interface Checksum {
  readonly value: string;
}

/** The fields of the requests that the clients of this project set (google/cloud/kms/v1/service.proto). */
interface KmsRequest {
  readonly name: string;
  readonly parent: string;
  readonly cryptoKeyVersion: { readonly name: string; readonly state: string } | null;
  readonly plaintext: Buffer;
  readonly plaintextCrc32c: Checksum | null;
  readonly ciphertext: Buffer;
  readonly ciphertextCrc32c: Checksum | null;
  readonly additionalAuthenticatedData: Buffer;
  readonly additionalAuthenticatedDataCrc32c: Checksum | null;
  readonly digest: { readonly sha256?: Buffer } | null;
  readonly digestCrc32c: Checksum | null;
  readonly data: Buffer;
  readonly dataCrc32c: Checksum | null;
}

class KmsError extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

/** Cloud KMS over gRPC on loopback, for Google's own client: the calls this project makes, with software keys. */
export async function startKmsServer(options: KmsServerOptions): Promise<KmsServer> {
  const server = new Server();
  server.addService(
    kmsService(),
    handlers(options.names, openLocalKeys(options.names, options.keyFile)),
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => server.forceShutdown(),
  };
}

function kmsService(): ServiceDefinition {
  const protos = createRequire(import.meta.url)(
    '@google-cloud/kms/build/protos/protos.json',
  ) as Parameters<typeof fromJSON>[0];
  const loaded = loadPackageDefinition(
    fromJSON(protos, {
      keepCase: false,
      longs: String,
      enums: String,
      defaults: true,
      oneofs: true,
    }),
  ) as unknown as {
    google: { cloud: { kms: { v1: { KeyManagementService: { service: ServiceDefinition } } } } };
  };
  return loaded.google.cloud.kms.v1.KeyManagementService.service;
}

function handlers(names: LocalKeyNames, keys: LocalKeys) {
  const signing = (name: string) => {
    const key = name.replace(/\/cryptoKeyVersions\/[^/]*$/, '');
    const found = keys.signingVersions(key).find((version) => version.name === name);
    if (!found) throw new KmsError(status.NOT_FOUND, `CryptoKeyVersion ${name} not found.`);
    if (!found.enabled) {
      throw new KmsError(
        status.FAILED_PRECONDITION,
        `${name} is not enabled, current state is: DISABLED.`,
      );
    }
    return found;
  };
  const atVault = (name: string): void => {
    if (name !== names.vault) throw new KmsError(status.NOT_FOUND, `CryptoKey ${name} not found.`);
  };

  return {
    encrypt: unary(({ name, plaintext, additionalAuthenticatedData: aad, ...sums }) => {
      atVault(name);
      const verifiedPlaintextCrc32c = verified(plaintext, sums.plaintextCrc32c);
      const verifiedAad = verified(aad, sums.additionalAuthenticatedDataCrc32c);
      const ciphertext = keys.encrypt(plaintext, aad);
      return {
        name: `${name}/cryptoKeyVersions/1`,
        ciphertext,
        ciphertextCrc32c: checksum(ciphertext),
        verifiedPlaintextCrc32c,
        verifiedAdditionalAuthenticatedDataCrc32c: verifiedAad,
        protectionLevel: 'SOFTWARE',
      };
    }),

    decrypt: unary(({ name, ciphertext, additionalAuthenticatedData: aad, ...sums }) => {
      atVault(name);
      verified(ciphertext, sums.ciphertextCrc32c);
      verified(aad, sums.additionalAuthenticatedDataCrc32c);
      const plaintext = keys.decrypt(ciphertext, aad);
      if (!plaintext) throw new KmsError(status.INVALID_ARGUMENT, 'Decryption failed.');
      return { plaintext, plaintextCrc32c: checksum(plaintext), usedPrimary: true };
    }),

    asymmetricSign: unary(({ name, digest, data, ...sums }) => {
      const version = signing(name);
      const sha256 = digest?.sha256;
      if (!sha256 === (data.length === 0) || (sha256 && sha256.length !== 32)) {
        throw new KmsError(
          status.INVALID_ARGUMENT,
          'Exactly one of digest.sha256 and data is needed.',
        );
      }
      const verifiedDigestCrc32c = sha256 !== undefined && verified(sha256, sums.digestCrc32c);
      const verifiedDataCrc32c = data.length > 0 && verified(data, sums.dataCrc32c);
      const signature = version.sign(sha256 ?? createHash('sha256').update(data).digest());
      return {
        name,
        signature,
        signatureCrc32c: checksum(signature),
        verifiedDigestCrc32c,
        verifiedDataCrc32c,
        protectionLevel: 'SOFTWARE',
      };
    }),

    getPublicKey: unary(({ name }) => {
      const { pem } = signing(name);
      return {
        name,
        pem,
        pemCrc32c: checksum(Buffer.from(pem)),
        algorithm: 'EC_SIGN_P256_SHA256',
        protectionLevel: 'SOFTWARE',
      };
    }),

    listCryptoKeyVersions: unary(({ parent }) => {
      const cryptoKeyVersions = keys.signingVersions(parent).map(({ name, enabled }) => ({
        name,
        state: enabled ? 'ENABLED' : 'DISABLED',
        algorithm: 'EC_SIGN_P256_SHA256',
        protectionLevel: 'SOFTWARE',
      }));
      return { cryptoKeyVersions, totalSize: cryptoKeyVersions.length };
    }),

    createCryptoKeyVersion: unary(({ parent }) => {
      const name = keys.createVersion(parent);
      if (name === undefined) {
        throw new KmsError(status.NOT_FOUND, `CryptoKey ${parent} not found.`);
      }
      return { name, state: 'ENABLED' };
    }),

    updateCryptoKeyVersion: unary(({ cryptoKeyVersion }) => {
      const { name, state } = cryptoKeyVersion ?? { name: '', state: '' };
      keys.setEnabled(name, state === 'ENABLED');
      return { name, state };
    }),
  };
}

function unary(answer: (request: KmsRequest) => object) {
  return (call: ServerUnaryCall<KmsRequest, object>, done: sendUnaryData<object>): void => {
    try {
      done(null, answer(call.request));
    } catch (error) {
      done({
        code: error instanceof KmsError ? error.code : status.INTERNAL,
        details: (error as Error).message,
      });
    }
  };
}

function checksum(bytes: Uint8Array): Checksum {
  return { value: String(crc32c(bytes)) };
}

/** False where the request has no checksum of these bytes; throws where it has a wrong one. */
function verified(bytes: Uint8Array, sent: Checksum | null): boolean {
  if (!sent) return false;
  if (Number(sent.value) !== crc32c(bytes)) {
    throw new KmsError(status.INVALID_ARGUMENT, 'A checksum does not match what arrived.');
  }
  return true;
}
