/**
 * What a release record says of who gets which version: rules, read from the first. Versions of this
 * code meet: a condition that a reader does not know never holds, and `offered` says the same in the
 * words of readers that know no rules, without what these could not tell apart.
 */
import { SealError } from './errors.ts';
import type { Payload } from './token-schema.ts';

/** All devices, in ten-thousandths. */
export const EVERYBODY = 10_000;
/** Of one record; the first readers took so many offers. */
export const MAX_RULES = 8;
const MAX_VARIANTS = 4;
const MAX_STEPS = 8;
const MAX_CHIPS = 16;

const PLATFORMS = ['ios', 'android'] as const;
type Platform = (typeof PLATFORMS)[number];

/** One to four dotted numbers; 1.2 is 1.2.0. */
export const DOTTED_NUMBERS = /^\d{1,9}(?:\.\d{1,9}){0,3}$/;
/** As the platform names it, in lower case: `iphone16,2`, `sm8650`. */
export const CHIP = /^[a-z0-9][a-z0-9 ._,-]{0,39}$/;

/** From a version on, up to another one and without that. */
export interface VersionRange {
  readonly min?: string;
  readonly below?: string;
}

/** Holds where every member does, and never for a device that did not tell what a member asks for. */
export interface Condition {
  readonly platform?: Platform;
  readonly app?: VersionRange;
  readonly os?: VersionRange;
  /** Memory in GiB, rounded up. */
  readonly ram?: VersionRange;
  readonly chips?: readonly string[];
  /** There is a member that this reader does not know: it never holds. */
  readonly unknown?: true;
}

/** A file of a rule, and which devices it is made for: the first that fits is the device's. */
export interface Variant {
  readonly version: string;
  /** Digest of the manifest's token, base64url. */
  readonly manifestDigest: string;
  readonly when?: Condition;
}

/** From when on a rule has which share. */
export interface Step {
  /** Seconds since 1970. */
  readonly at: number;
  /** In ten-thousandths. */
  readonly share: number;
}

/** Which devices get what. */
export interface Rule {
  /** Fixes each device's place: the version, where it has one file. */
  readonly name: string;
  /** Of the devices that `when` leaves, in ten-thousandths. */
  readonly share: number;
  readonly when?: Condition;
  readonly variants: readonly Variant[];
  /** To come, in order; the publisher signs a record for each. */
  readonly steps?: readonly Step[];
  /** Seconds since 1970, as the next two: when it began. */
  readonly since?: number;
  /** The share stands, and steps wait. */
  readonly paused?: number;
  /** It holds for nobody. */
  readonly halted?: number;
}

/** The same in the words of the first readers. */
export interface Offer {
  readonly version: string;
  readonly manifestDigest: string;
  readonly share?: number;
  readonly platform?: Platform;
  readonly minAppVersion?: string;
}

/** One element of `offered`. Throws `token-malformed`. */
export function readOffer(payload: Payload): Offer {
  const share = payload.optionalWhole('share', 1, EVERYBODY);
  const platform = payload.optionalOneOf('platform', PLATFORMS);
  const minAppVersion = payload.optionalMatch('minAppVersion', DOTTED_NUMBERS);
  return {
    ...readFile(payload),
    ...(share !== undefined && { share }),
    ...(platform !== undefined && { platform }),
    ...(minAppVersion !== undefined && { minAppVersion }),
  };
}

/** What an offer means. */
export function ruleOf({ share, platform, minAppVersion, ...file }: Offer): Rule {
  const app = minAppVersion === undefined ? undefined : { min: minAppVersion };
  const when = { ...(platform && { platform }), ...(app && { app }) };
  const isForSome = platform !== undefined || app !== undefined;
  return {
    name: file.version,
    share: share ?? EVERYBODY,
    ...(isForSome && { when }),
    variants: [file],
  };
}

/** The rules as the first readers can be told: none that they would take for one for more devices. */
export function offersOf(rules: readonly Rule[]): readonly Offer[] {
  const last = rules.at(-1)?.variants.at(-1);
  const some = rules.slice(0, -1).flatMap(offerOf);
  return last ? [...some, { version: last.version, manifestDigest: last.manifestDigest }] : some;
}

function offerOf({ name, share, when = {}, variants, halted }: Rule): readonly Offer[] {
  const [file] = variants;
  const { platform, app, os, ram, chips, unknown } = when;
  const isSimple = variants.length === 1 && !file?.when && file?.version === name;
  const asksMore = os ?? ram ?? chips ?? unknown ?? app?.below;
  if (!isSimple || asksMore !== undefined || halted !== undefined || share === 0) return [];
  const { version, manifestDigest } = file;
  return [
    {
      version,
      manifestDigest,
      ...(share < EVERYBODY && { share }),
      ...(platform && { platform }),
      ...(app?.min !== undefined && { minAppVersion: app.min }),
    },
  ];
}

/** Whether a rule is for all devices: the last of a record is, and no other. */
export const isForAll = ({ share, when, variants, halted }: Rule): boolean =>
  share === EVERYBODY && !when && halted === undefined && variants.at(-1)?.when === undefined;

/** One element of `rules`. Throws `token-malformed`. */
export function readRule(payload: Payload): Rule {
  const variants = payload.list('variants', MAX_VARIANTS).map(readVariant);
  if (variants.length === 0) throw new SealError('token-malformed', 'variants');
  const when = readCondition(payload);
  const since = payload.optionalDate('since');
  const paused = payload.optionalDate('paused');
  const halted = payload.optionalDate('halted');
  const steps = payload.optionalList('steps', MAX_STEPS)?.map(readStep);
  return {
    name: payload.text('name'),
    share: payload.whole('share', 0, EVERYBODY),
    ...(when && { when }),
    variants,
    ...(steps && { steps }),
    ...(since !== undefined && { since }),
    ...(paused !== undefined && { paused }),
    ...(halted !== undefined && { halted }),
  };
}

const readFile = (payload: Payload) => ({
  version: payload.text('version'),
  manifestDigest: payload.bytes32('manifestDigest'),
});

function readVariant(payload: Payload): Variant {
  const when = readCondition(payload);
  return { ...readFile(payload), ...(when && { when }) };
}

const readStep = (payload: Payload): Step => ({
  at: payload.date('at'),
  share: payload.whole('share', 1, EVERYBODY),
});

const CONDITIONS: ReadonlySet<string> = new Set(['platform', 'app', 'os', 'ram', 'chips']);

function readCondition(holder: Payload): Condition | undefined {
  const payload = holder.optionalInner('when');
  if (!payload) return undefined;
  const names = payload.names();
  if (names.length === 0) throw new SealError('token-malformed', 'when');
  // Its other members may have got other forms, too.
  if (!names.every((name) => CONDITIONS.has(name))) return { unknown: true };
  const platform = payload.optionalOneOf('platform', PLATFORMS);
  const [app, os, ram] = (['app', 'os', 'ram'] as const).map((name) => readRange(payload, name));
  const chips = payload.optionalTexts('chips', MAX_CHIPS, CHIP);
  return {
    ...(platform && { platform }),
    ...(app && { app }),
    ...(os && { os }),
    ...(ram && { ram }),
    ...(chips && { chips }),
  };
}

function readRange(holder: Payload, name: string): VersionRange | undefined {
  const payload = holder.optionalInner(name);
  if (!payload) return undefined;
  const min = payload.optionalMatch('min', DOTTED_NUMBERS);
  const below = payload.optionalMatch('below', DOTTED_NUMBERS);
  if (min === undefined && below === undefined) throw new SealError('token-malformed', name);
  return { ...(min !== undefined && { min }), ...(below !== undefined && { below }) };
}
