/**
 * Which version of a model is the newest, vouched for by who published it: whoever can write the
 * database, or answers from an old copy of it, must not have phones run a version that was replaced
 * (the freeze and rollback attacks of The Update Framework, https://theupdateframework.io/security/).
 * Each record of a model has a higher serial than the one before, and an end.
 */
import type { SealingCrypto } from './crypto.ts';
import { SealError } from './errors.ts';
import { type Es256Signer, parseJws, pinnedPayload, signJws, type VerificationKey } from './jws.ts';
import { offerFor, type RolloutDevice } from './rollout.ts';
import {
  isForAll,
  MAX_RULES,
  type Offer,
  offersOf,
  type Rule,
  readOffer,
  readRule,
  ruleOf,
  type Variant,
} from './rollout-rules.ts';
import { Payload } from './token-schema.ts';

const TYP = 'modelseal-release+jwt';
const MAX_REVOKED = 64;
const VERSION_NAME = /^.{1,256}$/u;

/** What a record says, beside whose it is and how long it holds. */
export interface ReleaseTerms {
  /** What is given to who asks for the newest: by the first that is the device's; the last is for all. */
  readonly rules: readonly Rule[];
  /** Copies of what was published before are no longer opened. Seconds since 1970. */
  readonly minPublishedAt?: number;
  /** Copies of these are no longer opened: the last that were revoked. */
  readonly revoked?: readonly string[];
}

export interface ReleaseRecord extends ReleaseTerms {
  readonly v: 1;
  readonly model: string;
  /** Grows with each record of the model, and never falls. */
  readonly serial: number;
  /** The rules as the first readers know them. */
  readonly offered: readonly Offer[];
  /** Seconds since 1970, as `exp`. */
  readonly iat: number;
  readonly exp: number;
}

function readRecord(value: unknown): ReleaseRecord {
  const payload = new Payload(value);
  const offered = payload.list('offered', MAX_RULES).map(readOffer);
  const said = payload.optionalList('rules', MAX_RULES)?.map(readRule);
  const rules = said ?? offered.map(ruleOf);
  const last = rules.at(-1);
  // Whoever is in no rollout must be left with something, and all readers be told the same.
  const isWhole = last !== undefined && isForAll(last);
  if (!isWhole || (said && !isSame(offered, offersOf(said)))) {
    throw new SealError('token-malformed', 'offered');
  }
  const minPublishedAt = payload.optionalDate('minPublishedAt');
  const revoked = payload.optionalTexts('revoked', MAX_REVOKED, VERSION_NAME);
  return {
    v: payload.literal('v', 1),
    model: payload.text('model'),
    serial: payload.whole('serial', 1),
    offered,
    rules,
    ...(minPublishedAt !== undefined && { minPublishedAt }),
    ...(revoked && { revoked }),
    iat: payload.date('iat'),
    exp: payload.date('exp'),
  };
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The record's token; `kid` names the publisher's key, such as `manifest.1`. Throws `token-malformed` for a record that cannot be. */
export function signReleaseRecord(
  record: Omit<ReleaseRecord, 'v' | 'offered'>,
  kid: string,
  sign: Es256Signer,
): Promise<string> {
  const { rules, ...payload } = readRecord({ v: 1, ...record, offered: offersOf(record.rules) });
  // Where the first readers are told all, there is nothing to add.
  const isAll = isSame(rules, payload.offered.map(ruleOf));
  return signJws({ typ: TYP, kid }, { ...payload, ...(!isAll && { rules }) }, sign);
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

/** The files that a record offers to some device, of whatever rule. */
export const filesOf = ({ rules }: Pick<ReleaseRecord, 'rules'>): readonly Variant[] =>
  rules.filter(({ halted }) => halted === undefined).flatMap(({ variants }) => variants);

/**
 * Throws `token-mismatch` unless the version is the device's own by the record, by the digest of its
 * manifest's token in base64url: for what was delivered to who asked for the newest.
 */
export function requireOwn(
  crypto: SealingCrypto,
  record: ReleaseRecord,
  device: RolloutDevice,
  delivered: Pick<Variant, 'version' | 'manifestDigest'>,
): void {
  const own = offerFor(crypto, record, device);
  const isOwn =
    own?.version === delivered.version && own.manifestDigest === delivered.manifestDigest;
  if (!isOwn) throw new SealError('token-mismatch', 'not the version on offer');
}

/** Whether the publisher took the version back: by its name, or as one of those before the least. */
export const isWithdrawn = (
  { minPublishedAt = 0, revoked = [] }: ReleaseTerms,
  { version, publishedAt }: { readonly version: string; readonly publishedAt: number },
): boolean => publishedAt < minPublishedAt || revoked.includes(version);
