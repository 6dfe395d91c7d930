/**
 * What one device may do with its copy, and until when. Signed by a delegate: a key in the memory of
 * one instance, certified for an hour by the key service, so that grants cost no call to it. Licence
 * and manifest keys are two on purpose: what grants models must not be able to vouch for their bytes.
 */
import type { SealingCrypto } from './crypto.ts';
import { SealError } from './errors.ts';
import {
  type Es256Signer,
  parseJws,
  pinnedPayload,
  signJws,
  type VerificationKey,
  verifySignature,
} from './jws.ts';
import { Payload, toNumericDate } from './token-schema.ts';

const LICENCE_TYP = 'modelseal-licence+jwt';
const DELEGATE_TYP = 'modelseal-delegate+jwt';

export interface Licence {
  readonly v: 1;
  readonly grantId: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly model: string;
  readonly version: string;
  /** Digest of the manifest token, base64url. */
  readonly manifestDigest: string;
  /** Of the exact bytes this device opens, base64url: the manifest's, unless the copy is marked. */
  readonly sha256: string;
  /** Seconds since 1970, as `nbf` and `exp`. */
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly offlineGraceSeconds: number;
  /** Of a renewal: what its request named. */
  readonly nonce?: string;
}

function readLicence(value: unknown): Licence {
  const payload = new Payload(value);
  const nonce = payload.optionalText('nonce', 22);
  return {
    v: payload.literal('v', 1),
    grantId: payload.text('grantId'),
    userId: payload.text('userId'),
    deviceId: payload.text('deviceId'),
    model: payload.text('model'),
    version: payload.text('version'),
    manifestDigest: payload.bytes32('manifestDigest'),
    sha256: payload.bytes32('sha256'),
    iat: payload.date('iat'),
    nbf: payload.date('nbf'),
    exp: payload.date('exp'),
    offlineGraceSeconds: payload.whole('offlineGraceSeconds'),
    ...(nonce !== undefined && { nonce }),
  };
}

/** A certified key. No licence of it outlives `licencesUntil`, grace and all: a stolen one ages out. */
function readDelegate(value: unknown) {
  const payload = new Payload(value);
  const jwk = payload.inner('jwk');
  return {
    jwk: {
      kty: jwk.literal('kty', 'EC'),
      crv: jwk.literal('crv', 'P-256'),
      x: jwk.bytes32('x'),
      y: jwk.bytes32('y'),
    },
    nbf: payload.date('nbf'),
    exp: payload.date('exp'),
    licencesUntil: payload.date('licencesUntil'),
  };
}

export interface LicenceDelegate {
  readonly certificate: string;
  /** Make another delegate before this. */
  readonly expiresAt: Date;
  readonly sign: Es256Signer;
}

const DELEGATE_SECONDS = 3600;
/** An instance's clock may be ahead of the device's. */
const SKEW_SECONDS = 60;

/**
 * A delegate for one hour from `now`: a fresh key pair that cannot leave this process, certified by
 * one signature of the key `kid`, such as `licence.1`. No licence may run longer than `maxLicenceSeconds`.
 */
export async function createDelegate({
  kid,
  sign,
  now,
  maxLicenceSeconds,
}: {
  readonly kid: string;
  readonly sign: Es256Signer;
  readonly now: Date;
  readonly maxLicenceSeconds: number;
}): Promise<LicenceDelegate> {
  const { subtle } = globalThis.crypto;
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const pair = await subtle.generateKey(algorithm, false, ['sign']);
  const { x, y } = await subtle.exportKey('jwk', pair.publicKey);
  const nbf = toNumericDate(now) - SKEW_SECONDS;
  const exp = toNumericDate(now) + DELEGATE_SECONDS;
  const payload = readDelegate({
    jwk: { kty: 'EC', crv: 'P-256', x, y },
    nbf,
    exp,
    licencesUntil: exp + maxLicenceSeconds,
  });
  return {
    certificate: await signJws({ typ: DELEGATE_TYP, kid }, payload, sign),
    expiresAt: new Date(exp * 1000),
    sign: async (message) =>
      new Uint8Array(
        await subtle.sign(
          { name: 'ECDSA', hash: 'SHA-256' },
          pair.privateKey,
          new Uint8Array(message),
        ),
      ),
  };
}

/** The licence token. Throws `token-malformed` for a licence that cannot be. */
export async function signLicence(
  licence: Omit<Licence, 'v'>,
  delegate: LicenceDelegate,
): Promise<string> {
  const payload = readLicence({ v: 1, ...licence });
  return signJws({ typ: LICENCE_TYP, delegate: delegate.certificate }, payload, delegate.sign);
}

/**
 * The licence that a delegate of a pinned licence key signed while it was certified. Says nothing
 * of whether the licence is valid now: see `licenceState`. Throws `token-malformed`,
 * `signer-untrusted` or `signature-invalid`.
 */
export async function verifyLicence(
  crypto: SealingCrypto,
  token: string,
  keys: readonly VerificationKey[],
): Promise<Licence> {
  const parsed = parseJws(token, LICENCE_TYP, ['delegate']);
  const certificate = String(parsed.header['delegate']);
  const signed = { typ: DELEGATE_TYP, purpose: 'licence' };
  const delegate = readDelegate(await pinnedPayload(crypto, certificate, signed, keys));
  await verifySignature(crypto, parsed, delegate.jwk);

  const licence = readLicence(parsed.payload);
  const isCertified =
    licence.iat >= delegate.nbf &&
    licence.iat <= delegate.exp &&
    licence.exp + licence.offlineGraceSeconds <= delegate.licencesUntil;
  if (!isCertified) throw new SealError('signer-untrusted', 'outside what the delegate may sign');
  return licence;
}

/** `grace`: over, but a device that cannot reach us to renew it may go on a little. */
export type LicenceState = 'not-yet-valid' | 'valid' | 'grace' | 'expired';

export function licenceState(licence: Licence, now: Date): LicenceState {
  const seconds = now.getTime() / 1000;
  if (seconds < licence.nbf) return 'not-yet-valid';
  if (seconds < licence.exp) return 'valid';
  return seconds < licence.exp + licence.offlineGraceSeconds ? 'grace' : 'expired';
}
