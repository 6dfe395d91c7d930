/**
 * Watches over the rollouts under way: takes the steps that are due, and halts a version that fails more
 * often than the one before. It signs nothing but a larger share that the publisher signed as a step, and
 * that a rule holds for nobody any more.
 */
import type { DocumentStore } from '../cloud/documents.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import { describeError, type Log } from '../log.ts';
import { isForAll, type Rule } from '../protocol/rollout-rules.ts';
import { changeRelease, type RolloutServices, withRules } from './change-release.ts';
import { readModel, releaseOf } from './model-record.ts';
import { MAX_ROLLOUTS } from './record-vote.ts';
import { rulesWith } from './roll-out.ts';
import { examine, type Finding, healthPath } from './rollout-health.ts';
import { haltRollout } from './steer-rollout.ts';

export interface WatchServices extends RolloutServices {
  readonly documents: Pick<DocumentStore, 'get' | 'query' | 'set' | 'transaction'>;
  readonly emit: Emit;
  readonly log: Log;
}

/** What a run did. */
export interface RolloutsRun {
  /** Models. */
  readonly watched: number;
  readonly steps: number;
  readonly halted: number;
  readonly failed: number;
}

/** One model after the other; one that fails does not stop the rest. */
export async function watchRollouts(services: WatchServices, now: Date): Promise<RolloutsRun> {
  const found = await services.documents.query({
    collection: 'models',
    where: [['rollingOut', '==', true]],
    limit: MAX_ROLLOUTS,
  });
  const run = { watched: found.length, steps: 0, halted: 0, failed: 0 };
  for (const { data } of found) {
    const model = String(data['modelId']);
    try {
      const rules = releaseOf(readModel(data))?.rules ?? [];
      const { halted, unheard } = await haltWorse(services, model, rules, now);
      run.halted += halted;
      run.steps += await takeSteps(services, model, unheard, now);
    } catch (error) {
      run.failed += 1;
      services.log('ERROR', 'rollout not watched', { model, ...describeError(error) });
    }
  }
  return run;
}

/** How many were halted, and the names of those that nobody tells of. */
async function haltWorse(
  services: WatchServices,
  modelId: string,
  rules: readonly Rule[],
  now: Date,
): Promise<{ readonly halted: number; readonly unheard: ReadonlySet<string> }> {
  const base = rules.at(-1);
  const silent = new Set<string>();
  let halted = 0;
  for (const rule of rules.slice(0, -1)) {
    if (!base || rule.halted !== undefined) continue;
    const { document, finding, unheard } = await examine(
      services.documents,
      modelId,
      rule,
      base,
      now,
    );
    if (unheard) {
      silent.add(rule.name);
      if (isDue(rule, now)) {
        services.log('WARNING', 'rollout waits for reports', {
          ...{ model: modelId, version: rule.name, ...unheard },
        });
      }
    }
    // First the halt: whoever is interrupted between the two finds the same again.
    if (finding) {
      await haltRollout(services, { modelId, version: rule.name }, now);
      await tell(services, modelId, rule.name, finding, now);
      halted += 1;
    }
    await services.documents.set(healthPath(modelId, rule.name), document);
  }
  return { halted, unheard: silent };
}

async function tell(
  { emit, log }: WatchServices,
  model: string,
  version: string,
  { signal, strength, recent, before }: Finding,
  now: Date,
): Promise<void> {
  const attributes = {
    strength: Math.round(strength),
    bad: recent.bad,
    devices: recent.devices,
    badBefore: before.bad,
    devicesBefore: before.devices,
  };
  log('ERROR', 'rollout halted', { model, version, cause: signal, ...attributes });
  await emit({ type: 'rollout.halted', model, version, cause: signal, attributes }, now);
}

/**
 * How many steps of a model were due and are taken: by what the publisher signed, at the time it is taken.
 * A version that phones fetch and tell nothing of goes to no more of them: nothing could halt it.
 */
async function takeSteps(
  services: WatchServices,
  modelId: string,
  unheard: ReadonlySet<string>,
  now: Date,
): Promise<number> {
  let taken = 0;
  await changeRelease(
    services,
    modelId,
    ({ record }) => {
      const after = (record?.rules ?? []).map((rule) =>
        unheard.has(rule.name) ? rule : stepped(rule, now),
      );
      taken = after.filter((rule, index) => rule !== record?.rules[index]).length;
      if (!record || taken === 0) return undefined;
      const whole = after.slice(0, -1).find(isForAll);
      return withRules(record, whole ? rulesWith(after, whole) : after);
    },
    now,
  );
  return taken;
}

const isDue = ({ steps = [] }: Rule, now: Date): boolean =>
  steps.some(({ at }) => at * 1000 <= now.getTime());

/** The rule with the last of its steps that is due; the very same where none is. */
function stepped(rule: Rule, now: Date): Rule {
  const { steps = [], since, ...rest } = rule;
  const due = steps.filter(({ at }) => at * 1000 <= now.getTime()).at(-1);
  if (!due || rule.paused !== undefined || rule.halted !== undefined) return rule;
  const left = steps.filter(({ at }) => at > due.at);
  const grown = { ...rest, share: due.share };
  if (isForAll(grown)) return grown;
  return {
    ...grown,
    ...(left.length > 0 && { steps: left }),
    ...(since !== undefined && { since }),
  };
}
