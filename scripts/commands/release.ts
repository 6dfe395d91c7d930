/** `modelseal release`: which devices a published version is for. */
import type { Command } from 'commander';
import { type Rollout, rollOut, shareOf } from '../../functions/catalogue/roll-out.ts';
import { type Act, auditEntry } from '../../functions/operators/audit.ts';
import type { Services } from '../../functions/services.ts';

/** As it is typed. */
export interface ReleaseOptions {
  readonly version: string;
  readonly percent: string;
  readonly platform?: string;
  readonly minAppVersion?: string;
  readonly dryRun?: boolean;
}

/** Adds the options of the command. */
export const releaseOptions = (command: Command): Command =>
  command
    .description('offer a published version to a share of the devices, or an older one again')
    .argument('<model>', 'model id')
    .requiredOption('--version <version>', 'the version')
    .option('--percent <percent>', 'of the devices that the conditions leave', '100')
    .option('--platform <platform>', 'only ios, or only android')
    .option('--min-app-version <version>', 'only with this version of the app or a newer one')
    .option('--dry-run', 'only say what would be on offer, and to how many of the newest devices')
    .option('--reason <text>', 'for the audit log', '');

/** Changes what is on offer and notes it. Throws RangeError, and what `rollOut` throws. */
export async function release(services: Services, model: string, given: ReleaseOptions, act: Act) {
  const { version, percent, platform, minAppVersion, dryRun = false } = given;
  const conditions = { ...(platform && { platform }), ...(minAppVersion && { minAppVersion }) };
  const rollout = { modelId: model, version, share: shareOf(percent), ...conditions, dryRun };
  const now = services.now();
  const result = await rollOut(services, rollout as Rollout, now);
  const subject = `model_${model}`;
  if (!dryRun)
    await services.documents.create(...auditEntry(services, subject, 'release', act, now));
  return result;
}
