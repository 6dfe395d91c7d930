import { createSecretKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { CompactEncrypt, CompactSign } from 'jose';

type JsonObject = { readonly [key: string]: unknown };

export interface VirtualPlayIntegrityOptions {
  readonly packageName: string;
  readonly versionCode: number;
  /** SHA-256 of the certificate that signed the app. */
  readonly signingCertificateDigest: Uint8Array;
  readonly now?: () => Date;
}

/** Any member of a verdict, merged into the genuine one; undefined takes it away. */
export type IntegrityOverrides = { readonly [section: string]: JsonObject | undefined };

export interface TokenOptions {
  readonly overrides?: IntegrityOverrides;
  /** `classic` carries a nonce, `standard` a request hash. */
  readonly kind?: 'standard' | 'classic';
  readonly signatureAlgorithm?: 'ES256' | 'HS256';
}

/**
 * Play Integrity of a virtual Pixel: Google Play and its servers in one, under keys of its own, which
 * stand for those that Play Console shows.
 */
export class VirtualPlayIntegrity {
  /** As Play Console shows them, in base64. */
  readonly decryptionKey: string;
  readonly verificationKey: string;
  readonly #options: VirtualPlayIntegrityOptions;
  readonly #secret: KeyObject;
  readonly #signingKey: KeyObject;

  constructor(options: VirtualPlayIntegrityOptions) {
    const secret = randomBytes(32);
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    this.decryptionKey = secret.toString('base64');
    this.verificationKey = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    this.#options = options;
    this.#secret = createSecretKey(secret);
    this.#signingKey = privateKey;
  }

  /** What Google's API answers for a token with this hash. */
  payload(
    clientDataHash: Uint8Array,
    { overrides = {}, kind = 'standard' }: TokenOptions = {},
  ): JsonObject {
    const { packageName, versionCode, signingCertificateDigest, now } = this.#options;
    const bound = Buffer.from(clientDataHash).toString('base64url');
    const genuine: Record<string, JsonObject> = {
      requestDetails: {
        requestPackageName: packageName,
        timestampMillis: String((now?.() ?? new Date()).getTime()),
        ...(kind === 'standard' ? { requestHash: bound } : { nonce: bound }),
      },
      appIntegrity: {
        appRecognitionVerdict: 'PLAY_RECOGNIZED',
        packageName,
        certificateSha256Digest: [Buffer.from(signingCertificateDigest).toString('base64url')],
        versionCode: String(versionCode),
      },
      deviceIntegrity: {
        deviceRecognitionVerdict: [
          'MEETS_BASIC_INTEGRITY',
          'MEETS_DEVICE_INTEGRITY',
          'MEETS_STRONG_INTEGRITY',
        ],
        recentDeviceActivity: { deviceActivityLevel: 'LEVEL_1' },
        deviceAttributes: { sdkVersion: 36 },
      },
      accountDetails: { appLicensingVerdict: 'LICENSED' },
      environmentDetails: {
        playProtectVerdict: 'NO_ISSUES',
        appAccessRiskVerdict: { appsDetected: ['KNOWN_INSTALLED'] },
      },
    };
    const names = new Set([...Object.keys(genuine), ...Object.keys(overrides)]);
    const sections = [...names].map((name) => [name, section(genuine, overrides, name)] as const);
    return Object.fromEntries(sections.filter(([, value]) => value !== undefined));
  }

  /** The token that the app gets and sends on. */
  async requestToken(clientDataHash: Uint8Array, options: TokenOptions = {}): Promise<string> {
    const payload = Buffer.from(JSON.stringify(this.payload(clientDataHash, options)));
    const algorithm = options.signatureAlgorithm ?? 'ES256';
    const jws = await new CompactSign(payload)
      .setProtectedHeader({ alg: algorithm })
      .sign(algorithm === 'ES256' ? this.#signingKey : this.#secret);
    return await new CompactEncrypt(Buffer.from(jws))
      .setProtectedHeader({ alg: 'A256KW', enc: 'A256GCM' })
      .encrypt(this.#secret);
  }
}

function section(
  genuine: Readonly<Record<string, JsonObject>>,
  overrides: IntegrityOverrides,
  name: string,
): JsonObject | undefined {
  if (name in overrides && overrides[name] === undefined) return undefined;
  return { ...genuine[name], ...overrides[name] };
}
