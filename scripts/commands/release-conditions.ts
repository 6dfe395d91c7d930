/** What is typed of a rollout, as the release record says it. Every function throws RangeError with one line. */
import { shareOf } from '../../functions/catalogue/roll-out.ts';
import {
  CHIP,
  type Condition,
  DOTTED_NUMBERS,
  type Step,
  type Variant,
  type VersionRange,
} from '../../functions/protocol/rollout-rules.ts';

/** As it is typed. */
export interface TypedCondition {
  readonly platform?: string;
  readonly appVersion?: string;
  readonly osVersion?: string;
  readonly ram?: string;
  readonly chip?: readonly string[];
}

/** Undefined where nothing is asked for. */
export function conditionOf(typed: TypedCondition): Condition | undefined {
  const { platform, chip = [] } = typed;
  if (platform !== undefined && platform !== 'ios' && platform !== 'android') {
    throw new RangeError('--platform: ios or android');
  }
  const chips = chip.map((name) => name.toLowerCase());
  if (chips.some((name) => !CHIP.test(name))) throw new RangeError('--chip: not the name of one');
  const [app, os, ram] = [typed.appVersion, typed.osVersion, typed.ram].map(rangeOf);
  const when: Condition = {
    ...(platform && { platform }),
    ...(app && { app }),
    ...(os && { os }),
    ...(ram && { ram }),
    ...(chips.length > 0 && { chips }),
  };
  return Object.keys(when).length > 0 ? when : undefined;
}

/** `2.1`, `2.1..`, `2.1..3` or `..3`: from the first on, without the last. */
function rangeOf(text: string | undefined): VersionRange | undefined {
  if (text === undefined) return undefined;
  const [min = '', below = '', ...more] = text.split('..');
  const isSound = [min, below].every((end) => end === '' || DOTTED_NUMBERS.test(end));
  if (!isSound || min + below === '' || more.length > 0) {
    throw new RangeError(`${text}: a range is 2.1, 2.1..3 or ..3, without its end`);
  }
  return { ...(min !== '' && { min }), ...(below !== '' && { below }) };
}

/** `2.1-int8` or `2.1-f16:platform=ios,ram=6..,chip=a|b`. */
export function variantOf(text: string): Omit<Variant, 'manifestDigest'> {
  const [version = '', conditions, ...more] = text.split(':');
  const typed: Record<string, string> = {};
  for (const part of conditions?.split(',') ?? []) {
    const [name = '', value, ...rest] = part.split('=');
    const isKnown = ['platform', 'app', 'os', 'ram', 'chip'].includes(name);
    if (!isKnown || !value || rest.length > 0) throw new RangeError(`--variant: ${part}`);
    typed[name] = value;
  }
  if (version === '' || more.length > 0) throw new RangeError(`--variant: ${text}`);
  const { platform, app, os, ram, chip } = typed;
  const when = conditionOf({
    ...(platform && { platform }),
    ...(app && { appVersion: app }),
    ...(os && { osVersion: os }),
    ...(ram && { ram }),
    ...(chip && { chip: chip.split('|') }),
  });
  return { version, ...(when && { when }) };
}

/** `2026-12-01T06:00Z=25`: a time, and the percentage from then on. */
export function stepOf(text: string): Step {
  const [time = '', percent = ''] = text.split('=');
  const at = Date.parse(time);
  if (!Number.isFinite(at)) throw new RangeError(`--step: ${text}: TIME=PERCENT`);
  return { at: Math.floor(at / 1000), share: shareOf(percent) };
}
