/**
 * What an operator, or the worker that watches over rollouts, does with one under way. Each is a new
 * release record with the next serial, so that phones follow; each gives the record's terms. None asks
 * who may: that is its caller's to know, and to note (audit).
 */
import { ServiceError } from '../errors.ts';
import { EVERYBODY, type Rule } from '../protocol/rollout-rules.ts';
import {
  changeRelease,
  type ReleaseChange,
  type RolloutServices,
  withRules,
} from './change-release.ts';
import { secondsOf } from './model-record.ts';
import { rollOut } from './roll-out.ts';

/** Which rule: a model and the name that `rollOut` was given as the version. */
export interface RolloutName {
  readonly modelId: string;
  readonly version: string;
}

const secondsAt = (now: Date): number => Math.floor(now.getTime() / 1000);

/**
 * The rollout's share stands, and its steps wait. Throws model_unknown where no such rollout is under
 * way, as the next two do.
 */
export const pauseRollout = (
  services: RolloutServices,
  rollout: RolloutName,
  now: Date,
): Promise<ReleaseChange> =>
  changeRule(services, rollout, now, (rule) => ({
    ...rule,
    paused: rule.paused ?? secondsAt(now),
  }));

/** Goes on with a rollout that is paused or was halted: steps come as much later as it stood still. */
export const resumeRollout = (
  services: RolloutServices,
  rollout: RolloutName,
  now: Date,
): Promise<ReleaseChange> =>
  changeRule(services, rollout, now, ({ paused, halted, steps, ...rule }) => {
    const stood = secondsAt(now) - Math.min(paused ?? secondsAt(now), halted ?? secondsAt(now));
    return {
      ...rule,
      ...(steps && { steps: steps.map(({ at, share }) => ({ at: at + stood, share })) }),
    };
  });

/** Nobody has the version any more: who had it gets what all others have. Its rule stays, to be seen. */
export const haltRollout = (
  services: RolloutServices,
  rollout: RolloutName,
  now: Date,
): Promise<ReleaseChange> =>
  changeRule(services, rollout, now, (rule) => ({
    ...rule,
    halted: rule.halted ?? secondsAt(now),
  }));

/**
 * Gives one version to all, also an older one: by name, or the one that devices in no rollout have
 * already, which ends all rollouts. Throws model_unknown and SealError as `rollOut` does.
 */
export async function rollBack(
  services: RolloutServices,
  { modelId, version }: { readonly modelId: string; readonly version?: string },
  now: Date,
): Promise<ReleaseChange> {
  if (version !== undefined) return rollOut(services, { modelId, version, share: EVERYBODY }, now);
  return changeRelease(
    services,
    modelId,
    ({ record }) => {
      const last = record?.rules.at(-1);
      if (!record || !last) throw new ServiceError('model_unknown');
      return record.rules.length > 1 ? withRules(record, [last]) : undefined;
    },
    now,
  );
}

/**
 * What was published before this version is given to nobody, and copies of it are erased by the phones
 * that learn of it. Throws model_unknown where there is no such version, and version_conflict where an
 * older one is on offer.
 */
export const requireMinimum = (
  services: RolloutServices,
  { modelId, version }: RolloutName,
  now: Date,
): Promise<ReleaseChange> =>
  changeRelease(
    services,
    modelId,
    ({ model, record }) => {
      const entry = model.versions[version];
      if (!entry || entry.revoked || !record) throw new ServiceError('model_unknown');
      const minPublishedAt = secondsOf(entry);
      const files = record.rules.flatMap(({ variants }) => variants);
      const isOlder = (name: string) => {
        const offered = model.versions[name];
        return offered !== undefined && secondsOf(offered) < minPublishedAt;
      };
      if (files.some((file) => isOlder(file.version))) {
        throw new ServiceError('version_conflict', { reason: 'older_on_offer' });
      }
      return { ...withRules(record, record.rules), minPublishedAt };
    },
    now,
  );

function changeRule(
  services: RolloutServices,
  { modelId, version }: RolloutName,
  now: Date,
  change: (rule: Rule) => Rule,
): Promise<ReleaseChange> {
  return changeRelease(
    services,
    modelId,
    ({ record }) => {
      // The last rule is for all: there would be nothing left.
      const some = record?.rules.slice(0, -1) ?? [];
      if (!record || !some.some(({ name }) => name === version)) {
        throw new ServiceError('model_unknown', { reason: 'no_rollout' });
      }
      const rules = record.rules.map((rule, index) =>
        rule.name === version && index < some.length ? change(rule) : rule,
      );
      return withRules(record, rules);
    },
    now,
  );
}
