import { type DerElement, type DerReader, TAG } from '../der.ts';
import { AttestationError } from '../errors.ts';

/** Whether the running system is the one the device's maker or owner signed. */
export type VerifiedBootState = 'VERIFIED' | 'SELF_SIGNED' | 'UNVERIFIED' | 'FAILED';
export type KeyOrigin = 'GENERATED' | 'DERIVED' | 'IMPORTED' | 'RESERVED' | 'SECURELY_IMPORTED';

export interface RootOfTrust {
  /** SHA-256 of the key that verified the system; zeros or empty on an unlocked device. */
  readonly verifiedBootKey: Uint8Array;
  readonly deviceLocked: boolean;
  readonly verifiedBootState: VerifiedBootState;
  /** From attestation version 3 on. */
  readonly verifiedBootHash: Uint8Array | undefined;
}

/** Which app asked for the key, as the system saw it. */
export interface AttestationApplicationId {
  readonly packages: readonly { readonly name: string; readonly version: bigint }[];
  /** SHA-256 of the certificates that signed the packages. */
  readonly signatures: readonly Uint8Array[];
}

/**
 * AuthorizationList (https://source.android.com/docs/security/features/keystore/attestation#schema);
 * numbers are those of KeyMint's enumerations, times are milliseconds since 1970.
 */
export interface AuthorizationList {
  readonly purposes?: readonly number[];
  readonly algorithms?: number;
  readonly keySize?: number;
  readonly blockModes?: readonly number[];
  readonly digests?: readonly number[];
  readonly paddings?: readonly number[];
  readonly callerNonce?: true;
  readonly minMacLength?: number;
  readonly ecCurve?: number;
  readonly mlDsaVariant?: number;
  readonly rsaPublicExponent?: bigint;
  readonly rsaOaepMgfDigests?: readonly number[];
  readonly rollbackResistance?: true;
  readonly earlyBootOnly?: true;
  readonly activeDateTime?: bigint;
  readonly originationExpireDateTime?: bigint;
  readonly usageExpireDateTime?: bigint;
  readonly usageCountLimit?: number;
  readonly noAuthRequired?: true;
  readonly userAuthType?: number;
  readonly authTimeout?: number;
  readonly allowWhileOnBody?: true;
  readonly trustedUserPresenceRequired?: true;
  readonly trustedConfirmationRequired?: true;
  readonly unlockedDeviceRequired?: true;
  readonly allApplications?: true;
  readonly applicationId?: Uint8Array;
  readonly creationDateTime?: bigint;
  readonly origin?: KeyOrigin;
  /** The name of `rollbackResistance` before KeyMaster 4. */
  readonly rollbackResistant?: true;
  readonly rootOfTrust?: RootOfTrust;
  /** Such as 160000 for 16.0.0. */
  readonly osVersion?: number;
  /** YYYYMM. */
  readonly osPatchLevel?: number;
  readonly attestationApplicationId?: AttestationApplicationId;
  readonly attestationIdBrand?: string;
  readonly attestationIdDevice?: string;
  readonly attestationIdProduct?: string;
  readonly attestationIdSerial?: string;
  readonly attestationIdImei?: string;
  readonly attestationIdMeid?: string;
  readonly attestationIdManufacturer?: string;
  readonly attestationIdModel?: string;
  /** YYYYMM or YYYYMMDD. */
  readonly vendorPatchLevel?: number;
  readonly bootPatchLevel?: number;
  readonly deviceUniqueAttestation?: true;
  readonly attestationIdSecondImei?: string;
  readonly moduleHash?: Uint8Array;
  /** The DER of tags that are not in the schema, by their numbers. */
  readonly unknown: ReadonlyMap<number, Uint8Array>;
}

const BOOT_STATES = ['VERIFIED', 'SELF_SIGNED', 'UNVERIFIED', 'FAILED'] as const;
const ORIGINS = ['GENERATED', 'DERIVED', 'IMPORTED', 'RESERVED', 'SECURELY_IMPORTED'] as const;

type FieldName = Exclude<keyof AuthorizationList, 'unknown'>;
type Read = (reader: DerReader) => AuthorizationList[FieldName];

const number: Read = (reader) => reader.smallInteger();
const large: Read = (reader) => reader.integer();
const bytes: Read = (reader) => reader.octetString();
const text: Read = textOf;
/** That the tag is there says it; what comes with it should be NULL, and says nothing more. */
const flag: Read = (reader) => {
  reader.rest();
  return true;
};
// DER sorts a SET OF by its encodings; devices write the order in which the app named the values.
const numbers: Read = (reader) => {
  const set = reader.within(reader.expect(TAG.set));
  const values: number[] = [];
  while (!set.done) values.push(set.smallInteger());
  return values;
};
const origin: Read = (reader) => named(reader, ORIGINS, reader.smallInteger());

/** KeyMint's tag numbers without their type bits. */
const FIELDS: ReadonlyMap<number, readonly [FieldName, Read]> = new Map([
  [1, ['purposes', numbers]],
  [2, ['algorithms', number]],
  [3, ['keySize', number]],
  [4, ['blockModes', numbers]],
  [5, ['digests', numbers]],
  [6, ['paddings', numbers]],
  [7, ['callerNonce', flag]],
  [8, ['minMacLength', number]],
  [10, ['ecCurve', number]],
  [11, ['mlDsaVariant', number]],
  [200, ['rsaPublicExponent', large]],
  [203, ['rsaOaepMgfDigests', numbers]],
  [303, ['rollbackResistance', flag]],
  [305, ['earlyBootOnly', flag]],
  [400, ['activeDateTime', large]],
  [401, ['originationExpireDateTime', large]],
  [402, ['usageExpireDateTime', large]],
  [405, ['usageCountLimit', number]],
  [503, ['noAuthRequired', flag]],
  [504, ['userAuthType', number]],
  [505, ['authTimeout', number]],
  [506, ['allowWhileOnBody', flag]],
  [507, ['trustedUserPresenceRequired', flag]],
  [508, ['trustedConfirmationRequired', flag]],
  [509, ['unlockedDeviceRequired', flag]],
  [600, ['allApplications', flag]],
  [601, ['applicationId', bytes]],
  [701, ['creationDateTime', large]],
  [702, ['origin', origin]],
  [703, ['rollbackResistant', flag]],
  [704, ['rootOfTrust', readRootOfTrust]],
  [705, ['osVersion', number]],
  [706, ['osPatchLevel', number]],
  [709, ['attestationApplicationId', readApplicationId]],
  [710, ['attestationIdBrand', text]],
  [711, ['attestationIdDevice', text]],
  [712, ['attestationIdProduct', text]],
  [713, ['attestationIdSerial', text]],
  [714, ['attestationIdImei', text]],
  [715, ['attestationIdMeid', text]],
  [716, ['attestationIdManufacturer', text]],
  [717, ['attestationIdModel', text]],
  [718, ['vendorPatchLevel', number]],
  [719, ['bootPatchLevel', number]],
  [720, ['deviceUniqueAttestation', flag]],
  [723, ['attestationIdSecondImei', text]],
  [724, ['moduleHash', bytes]],
]);

/** What a verdict rests on: where one of these is malformed, so is the whole. */
const VITAL: ReadonlySet<FieldName> = new Set([
  'purposes',
  'algorithms',
  'origin',
  'rootOfTrust',
  'attestationApplicationId',
]);

/**
 * The authorization list that `reader` is at. Any other field that does not parse is left out and
 * named in `odd`, as is the list where its tags do not rise, which some phones' do not. A tag that is
 * there twice could be read in two ways, and is refused.
 * Throws AttestationError with the reader's cause.
 */
export function readAuthorizationList(reader: DerReader, odd: string[]): AuthorizationList {
  const fields: Partial<Record<FieldName, AuthorizationList[FieldName]>> = {};
  const unknown = new Map<number, Uint8Array>();
  const tags = new Set<number>();
  let rising = true;
  let previous = 0;
  for (const element of reader.sequence().rest()) {
    checkTag(reader, element, tags);
    rising &&= element.tag > previous;
    previous = element.tag;
    const field = FIELDS.get(element.tag);
    if (!field) {
      unknown.set(element.tag, element.content);
      continue;
    }
    const [name, read] = field;
    try {
      const value = reader.within(element);
      const parsed = read(value);
      value.end();
      fields[name] = parsed;
    } catch (error) {
      if (VITAL.has(name) || !(error instanceof AttestationError)) throw error;
      odd.push(name);
    }
  }
  if (!rising) odd.push('order of tags');
  return { ...(fields as AuthorizationList), unknown };
}

function checkTag(reader: DerReader, element: DerElement, tags: Set<number>): void {
  if (element.tagClass !== 'context' || !element.constructed) {
    throw reader.fail('authorization is not tagged');
  }
  if (tags.has(element.tag)) throw reader.fail(`authorization ${element.tag} comes twice`);
  tags.add(element.tag);
}

function readRootOfTrust(reader: DerReader): RootOfTrust {
  const fields = reader.sequence();
  const rootOfTrust = {
    verifiedBootKey: fields.octetString(),
    deviceLocked: fields.boolean(),
    verifiedBootState: named(fields, BOOT_STATES, fields.smallInteger(TAG.enumerated)),
    verifiedBootHash: fields.done ? undefined : fields.octetString(),
  };
  fields.end();
  return rootOfTrust;
}

/** The octet string holds DER of its own (AttestationApplicationId). */
function readApplicationId(reader: DerReader): AttestationApplicationId {
  const outer = reader.inside(reader.octetString());
  const fields = outer.sequence();
  outer.end();
  const packageSet = fields.within(fields.expect(TAG.set));
  const signatureSet = fields.within(fields.expect(TAG.set));
  fields.end();
  const packages: { name: string; version: bigint }[] = [];
  while (!packageSet.done) {
    const entry = packageSet.sequence();
    packages.push({ name: textOf(entry), version: entry.integer() });
    entry.end();
  }
  const signatures: Uint8Array[] = [];
  while (!signatureSet.done) signatures.push(signatureSet.octetString());
  return { packages, signatures };
}

function named<T>(reader: DerReader, names: readonly T[], value: number): T {
  const name = names[value];
  if (name === undefined) throw reader.fail(`${value} has no meaning`);
  return name;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(reader: DerReader): string {
  try {
    return UTF8.decode(reader.octetString());
  } catch (error) {
    throw error instanceof AttestationError ? error : reader.fail('text is not UTF-8');
  }
}
