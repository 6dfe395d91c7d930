/** `modelseal release`: which devices a published version is for. */
import type { Command } from 'commander';
import { type Rollout, rollOut, shareOf } from '../../functions/catalogue/roll-out.ts';
import {
  haltRollout,
  pauseRollout,
  requireMinimum,
  resumeRollout,
  rollBack,
} from '../../functions/catalogue/steer-rollout.ts';
import { type Act, auditEntry } from '../../functions/operators/audit.ts';
import type { Services } from '../../functions/services.ts';
import { conditionOf, stepOf, type TypedCondition, variantOf } from './release-conditions.ts';

/** As it is typed. */
export interface ReleaseOptions extends TypedCondition {
  readonly version?: string;
  readonly percent?: string;
  readonly variant?: readonly string[];
  readonly step?: readonly string[];
  readonly pause?: boolean;
  readonly resume?: boolean;
  readonly halt?: boolean;
  readonly rollBack?: boolean;
  readonly minimum?: boolean;
  readonly dryRun?: boolean;
}

/** Adds the options of the command. */
export const releaseOptions = (command: Command): Command =>
  command
    .description('offer a published version to a share of the devices, stop that, or go back')
    .argument('<model>', 'model id')
    .option('--version <version>', 'the version, or the name of its variants together')
    .option('--percent <percent>', 'of the devices that the conditions leave', '100')
    .option('--platform <platform>', 'only ios, or only android')
    .option(
      '--app-version <range>',
      'only these versions of the app, such as 2.1 (or newer) or 2.1..3',
    )
    .option('--os-version <range>', 'only these versions of the system')
    .option('--ram <range>', 'only with so many GiB of memory')
    .option('--chip <name...>', 'only with one of these chips')
    .option(
      '--variant <spec...>',
      'a file for some devices: VERSION[:ram=6..,platform=ios,chip=a|b]',
    )
    .option('--step <time=percent...>', 'grow at a time, such as 2026-12-01T06:00Z=25')
    .option('--pause', 'the share stands and steps wait')
    .option('--resume', 'go on after --pause or --halt')
    .option('--halt', 'take the version from all who have it by a rollout')
    .option('--roll-back', 'give all devices --version, or what those in no rollout have')
    .option('--minimum', 'have phones erase what was published before --version')
    .option('--dry-run', 'only say what would be on offer, and to how many of the newest devices')
    .option('--reason <text>', 'for the audit log', '');

const ACTIONS = ['pause', 'resume', 'halt', 'rollBack', 'minimum'] as const;
type Action = (typeof ACTIONS)[number];

/** Changes what is on offer and notes it. Throws RangeError, and what the change throws. */
export async function release(services: Services, model: string, given: ReleaseOptions, act: Act) {
  const { dryRun = false } = given;
  const asked = ACTIONS.filter((name) => given[name]);
  const [action, ...others] = asked;
  if (others.length > 0)
    throw new RangeError('one of --pause, --resume, --halt, --roll-back, --minimum');
  if (action && dryRun) throw new RangeError('--dry-run tells of a rollout only');
  const now = services.now();
  const result = action
    ? await steer(services, action, model, given.version, now)
    : await rollOut(services, rolloutOf(model, given), now);
  const entry = auditEntry(services, `model_${model}`, auditName(action), act, now);
  if (!dryRun) await services.documents.create(...entry);
  return result;
}

const auditName = (action: Action | undefined): string =>
  action === undefined ? 'release' : `release-${action.toLowerCase()}`;

function steer(
  services: Services,
  action: Action,
  modelId: string,
  version: string | undefined,
  now: Date,
) {
  if (action === 'rollBack')
    return rollBack(services, { modelId, ...(version && { version }) }, now);
  const change = {
    pause: pauseRollout,
    resume: resumeRollout,
    halt: haltRollout,
    minimum: requireMinimum,
  }[action];
  return change(services, { modelId, version: named(version) }, now);
}

function rolloutOf(modelId: string, given: ReleaseOptions): Rollout {
  const { percent = '100', variant = [], step = [], dryRun = false } = given;
  const when = conditionOf(given);
  return {
    modelId,
    version: named(given.version),
    share: shareOf(percent),
    ...(when && { when }),
    ...(variant.length > 0 && { variants: variant.map(variantOf) }),
    steps: step.map(stepOf),
    dryRun,
  };
}

function named(version: string | undefined): string {
  if (version === undefined) throw new RangeError('--version: which one?');
  return version;
}
