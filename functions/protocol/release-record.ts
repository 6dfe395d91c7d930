/**
 * Which version of a model is the newest, vouched for by who published it: whoever can write the
 * database, or answers from an old copy of it, must not have phones run a version that was replaced
 * (the freeze and rollback attacks of The Update Framework, https://theupdateframework.io/security/).
 * Each record of a model has a higher serial than the one before, and an end.
 */
import type { SealingCrypto } from './crypto.ts';
import { SealError } from './errors.ts';
import { type Es256Signer, parseJws, pinnedPayload, signJws, type VerificationKey } from './jws.ts';
import { isForAll, type Offer, readOffer } from './rollout.ts';
import { Payload } from './token-schema.ts';

const TYP = 'modelseal-release+jwt';
const MAX_OFFERED = 8;

export interface ReleaseRecord {
  readonly v: 1;
  readonly model: string;
  /** Grows with each record of the model, and never falls. */
  readonly serial: number;
  /** What may be given to who asks for the newest: the first that is the device's; the last is for all. */
  readonly offered: readonly Offer[];
  /** Seconds since 1970, as `exp`. */
  readonly iat: number;
  readonly exp: number;
}

function readRecord(value: unknown): ReleaseRecord {
  const payload = new Payload(value);
  const offered = payload.list('offered', MAX_OFFERED).map(readOffer);
  const last = offered.at(-1);
  // Whoever is in no rollout must be left with something.
  if (!last || !isForAll(last)) throw new SealError('token-malformed', 'offered');
  return {
    v: payload.literal('v', 1),
    model: payload.text('model'),
    serial: payload.whole('serial', 1),
    offered,
    iat: payload.date('iat'),
    exp: payload.date('exp'),
  };
}

/** The record's token; `kid` names the publisher's key, such as `manifest.1`. Throws `token-malformed` for a record that cannot be. */
export function signReleaseRecord(
  record: Omit<ReleaseRecord, 'v'>,
  kid: string,
  sign: Es256Signer,
): Promise<string> {
  const payload = readRecord({ v: 1, ...record });
  return signJws({ typ: TYP, kid }, payload, sign);
}

/**
 * The record that a pinned publisher's key signed. Says nothing of whether it is good now, and for
 * what: see `requireCurrent`. Throws `token-malformed`, `signer-untrusted` or `signature-invalid`.
 */
export async function verifyReleaseRecord(
  crypto: SealingCrypto,
  token: string,
  keys: readonly VerificationKey[],
): Promise<ReleaseRecord> {
  const signed = { typ: TYP, purpose: 'manifest' };
  return readRecord(await pinnedPayload(crypto, token, signed, keys));
}

/**
 * What a record says, without a look at who signed it: for the service, which hands it on and vouches
 * for nothing. Throws `token-malformed`.
 */
export const unverifiedRelease = (token: string): ReleaseRecord =>
  readRecord(parseJws(token, TYP, ['kid']).payload);

/** What the device knows. */
export interface Known {
  /** Which model was asked for. */
  readonly model: string;
  /** The highest serial of this model that the device has seen; 0 where none. */
  readonly highestSerial: number;
  readonly now: Date;
}

/**
 * Throws `token-mismatch` where the record is another model's, `release-expired`, and
 * `release-rolled-back` where the device has seen a newer record.
 */
export function requireCurrent(record: ReleaseRecord, { model, highestSerial, now }: Known): void {
  if (record.model !== model) throw new SealError('token-mismatch', 'a record of another model');
  if (record.serial < highestSerial) {
    throw new SealError('release-rolled-back', `${record.serial} after ${highestSerial}`);
  }
  if (now.getTime() / 1000 >= record.exp) throw new SealError('release-expired');
}

/**
 * Throws `token-mismatch` unless the version is on offer, by the digest of its manifest's token in
 * base64url: for what was delivered to who asked for the newest.
 */
export function requireOffered(
  { offered }: ReleaseRecord,
  version: string,
  manifestDigest: string,
): void {
  const isOffered = offered.some(
    (each) => each.version === version && each.manifestDigest === manifestDigest,
  );
  if (!isOffered) throw new SealError('token-mismatch', 'not the version on offer');
}
