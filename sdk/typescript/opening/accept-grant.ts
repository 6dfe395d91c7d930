/** A grant as it came from the cloud, believed only as far as it is signed and meant for this device. */

import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import { fromBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import { grantInfo } from '../../../functions/protocol/grant-binding.ts';
import type { RecipientKey } from '../../../functions/protocol/hpke.ts';
import { tokenDigest, type VerificationKey } from '../../../functions/protocol/jws.ts';
import { type ContainerKeys, deriveKeys } from '../../../functions/protocol/key-schedule.ts';
import { type Licence, licenceState, verifyLicence } from '../../../functions/protocol/licence.ts';
import { type Manifest, verifyManifest } from '../../../functions/protocol/manifest.ts';

/** The parts of the answer to `POST /v1/models/{modelId}/grants` that opening needs. */
export interface Grant {
  readonly grantId: string;
  readonly sealedKey: { readonly suite: string; readonly enc: string; readonly ct: string };
  readonly manifest: string;
  readonly licence: string;
}

/** What this device asked for. */
export interface Expected {
  readonly deviceId: string;
  readonly model: string;
  /** Undefined where the newest was asked for. */
  readonly version?: string;
}

/** The tokens of a model and what they say. */
export interface ModelTokens {
  readonly manifestToken: string;
  readonly licenceToken: string;
  readonly manifest: Manifest;
  readonly licence: Licence;
}

/** A grant that is meant for this device, with the keys that open its download. */
export interface AcceptedGrant extends ModelTokens {
  /** Of the container that is delivered; wipe them once it has been opened. */
  readonly keys: ContainerKeys;
}

/**
 * Verifies manifest and licence against the pinned keys, that they speak of what was asked for, and
 * opens the content key with the key pair made for this request.
 *
 * @param crypto The primitives.
 * @param request What came, what was asked for, the recipient key, the pinned keys, and the time.
 * @throws {SealError} `signer-untrusted`, `signature-invalid`, `token-mismatch`, `key-refused`, the
 *   licence's time, and what is malformed.
 */
export async function acceptGrant(
  crypto: SealingCrypto,
  {
    grant,
    expected,
    recipientKey,
    pinnedKeys,
    now,
  }: {
    readonly grant: Grant;
    readonly expected: Expected;
    readonly recipientKey: RecipientKey;
    readonly pinnedKeys: readonly VerificationKey[];
    readonly now: Date;
  },
): Promise<AcceptedGrant> {
  const tokens = await verifyTokens(crypto, grant.manifest, grant.licence, pinnedKeys);
  const { manifest, licence } = tokens;
  const { suite } = recipientKey;
  const isAsked =
    licence.grantId === grant.grantId &&
    licence.deviceId === expected.deviceId &&
    manifest.model === expected.model &&
    manifest.version === (expected.version ?? manifest.version) &&
    grant.sealedKey.suite === suite;
  if (!isAsked) throw new SealError('token-mismatch', 'not what this device asked for');
  requireLicence(licence, now);

  const enc = fromBase64url(grant.sealedKey.enc);
  const ct = fromBase64url(grant.sealedKey.ct);
  if (!enc || !ct) throw new SealError('key-refused', 'not base64url');
  const info = grantInfo({
    suite,
    grantId: licence.grantId,
    userId: licence.userId,
    deviceId: licence.deviceId,
    model: licence.model,
    version: licence.version,
    manifestDigest: tokenDigest(crypto, grant.manifest),
    licenceExpiry: licence.exp,
  });
  const aad = tokenDigest(crypto, grant.licence);
  const contentKey = await recipientKey.open({ enc, ct, info, aad });
  const keys = await deriveKeys(crypto, contentKey, 'delivery');
  contentKey.fill(0);
  return { ...tokens, keys };
}

/**
 * Verifies both tokens, and that the licence is for the manifest's model and, unless the publisher
 * has its copies marked, for the manifest's very bytes. Throws SealError.
 */
export async function verifyTokens(
  crypto: SealingCrypto,
  manifestToken: string,
  licenceToken: string,
  pinnedKeys: readonly VerificationKey[],
): Promise<ModelTokens> {
  const manifest = await verifyManifest(crypto, manifestToken, pinnedKeys);
  const licence = await verifyLicence(crypto, licenceToken, pinnedKeys);
  const manifestDigest = fromBase64url(licence.manifestDigest) ?? new Uint8Array();
  const isOfManifest =
    licence.model === manifest.model &&
    licence.version === manifest.version &&
    tokenDigest(crypto, manifestToken).every((byte, i) => byte === manifestDigest[i]);
  if (!isOfManifest) throw new SealError('token-mismatch', 'the licence is for another manifest');
  // Whoever signs licences must not decide on his own that other bytes than the publisher's are run.
  if (manifest.policy.tracing === 'off' && licence.sha256 !== manifest.sha256) {
    throw new SealError('token-mismatch', 'other bytes than those of the manifest');
  }
  return { manifestToken, licenceToken, manifest, licence };
}

/** `grace` means that the licence is due for renewal. Throws `licence-not-yet-valid` or `licence-expired`. */
export function requireLicence(licence: Licence, now: Date): 'valid' | 'grace' {
  const state = licenceState(licence, now);
  if (state === 'not-yet-valid') throw new SealError('licence-not-yet-valid');
  if (state === 'expired') throw new SealError('licence-expired');
  return state;
}
