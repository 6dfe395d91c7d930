/** Which devices a published version is for: a new release record, also where it goes back to an older one. */
import { ServiceError } from '../errors.ts';
import { modelVersion } from '../identity/client-data.ts';
import { isWithdrawn, type ReleaseTerms } from '../protocol/release-record.ts';
import {
  type Condition,
  EVERYBODY,
  isForAll,
  MAX_RULES,
  type Rule,
  type Step,
  type Variant,
} from '../protocol/rollout-rules.ts';
import { changeRelease, type Released, type RolloutServices, withRules } from './change-release.ts';
import { secondsOf } from './model-record.ts';
import { previewRollout, type RolloutPreview } from './preview-rollout.ts';
import { vouchedOffer } from './releases.ts';

/** What is asked for. */
export interface Rollout {
  readonly modelId: string;
  /** The version; where there are variants, the name of all of them together. */
  readonly version: string;
  /** In ten-thousandths; all where absent. */
  readonly share?: number;
  readonly when?: Condition;
  /** Files of which each device gets the first that fits; the version itself where absent. */
  readonly variants?: readonly Omit<Variant, 'manifestDigest'>[];
  /** Shares to come, each in the future, growing. */
  readonly steps?: readonly Step[];
  /** Only tell what would be on offer. */
  readonly dryRun?: boolean;
}

/** What is on offer, and how many of the newest devices would have what. */
export interface RolloutResult extends RolloutPreview {
  readonly serial: number;
  readonly rules: readonly Rule[];
}

/**
 * Offers a version to the devices that are named: beside what was on offer, or in its place where that
 * is all of them. The same name again changes its rule: its share, and it is halted or paused no more.
 * Throws model_unknown for a version that is not there or taken back, version_conflict where all
 * devices have it already or there are rules enough, RangeError for steps that do not grow, and SealError
 * where a file is not the publisher's.
 */
export async function rollOut(
  services: RolloutServices,
  { dryRun = false, ...wanted }: Rollout,
  now: Date,
): Promise<RolloutResult> {
  const { modelId } = wanted;
  const change = await changeRelease(
    services,
    modelId,
    async (released) => {
      const rule = await ruleFor(services, wanted, released, now);
      return withRules(released.record ?? {}, rulesWith(released.record?.rules ?? [], rule));
    },
    now,
    { dryRun },
  );
  const { serial, rules } = change;
  return { serial, rules, ...(await previewRollout(services.documents, modelId, rules)) };
}

async function ruleFor(
  services: RolloutServices,
  { modelId, version, share = EVERYBODY, when, variants = [{ version }], steps = [] }: Rollout,
  { model, record }: Released,
  now: Date,
): Promise<Rule> {
  requireGrowing(share, steps, now);
  if (!modelVersion.safeParse(version).success) throw new RangeError('not the name of a version');
  const files: Variant[] = [];
  for (const wanted of variants) {
    const entry = model.versions[wanted.version];
    if (!entry || isTakenBack(record, wanted.version, entry)) {
      throw new ServiceError('model_unknown');
    }
    const file = await vouchedOffer(services, modelId, wanted.version, entry);
    files.push({ ...file, ...(wanted.when && { when: wanted.when }) });
  }
  const rule = { name: version, share, ...(when && { when }), variants: files };
  if (isForAll(rule)) return rule;
  const since = record?.rules.find(({ name }) => name === version)?.since;
  return {
    ...rule,
    ...(steps.length > 0 && { steps }),
    since: since ?? Math.floor(now.getTime() / 1000),
  };
}

const isTakenBack = (
  record: ReleaseTerms | undefined,
  version: string,
  entry: Released['model']['versions'][string],
): boolean =>
  entry.revoked ||
  (record !== undefined && isWithdrawn(record, { version, publishedAt: secondsOf(entry) }));

/** The rules from now on: the wanted one where it was, or first; at the end the one that is for all. */
export function rulesWith(before: readonly Rule[], wanted: Rule): readonly Rule[] {
  if (isForAll(wanted)) return [wanted];
  const others = before.filter(({ name }) => name !== wanted.name);
  const last = others.at(-1);
  if (!last || !isForAll(last)) throw new ServiceError('version_conflict', { reason: 'for_all' });
  if (others.length >= MAX_RULES) throw new ServiceError('version_conflict', { reason: 'rules' });
  const place = Math.max(
    0,
    before.findIndex(({ name }) => name === wanted.name),
  );
  return others.toSpliced(place, 0, wanted);
}

function requireGrowing(share: number, steps: readonly Step[], now: Date): void {
  let [at, least] = [now.getTime() / 1000, share];
  for (const step of steps) {
    if (step.at <= at || step.share <= least) throw new RangeError('steps: later and larger each');
    [at, least] = [step.at, step.share];
  }
}

/** Ten-thousandths of a percentage with at most two decimals. Throws RangeError. */
export function shareOf(percent: string): number {
  const share = Math.round(Number(percent) * 100);
  if (!/^\d{1,3}(?:\.\d{1,2})?$/.test(percent) || share < 0 || share > EVERYBODY) {
    throw new RangeError('--percent: from 0 to 100');
  }
  return share;
}
