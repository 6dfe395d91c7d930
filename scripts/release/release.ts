/**
 * A release, step by step: every function gets a revision without traffic, tagged `candidate`; the
 * smoke client tries them at the candidate host; then traffic moves in stages while each function is
 * judged, and at the end the smoke client tries what everybody gets. Anything that goes wrong moves
 * all traffic back to the revisions from before.
 */
import { type CloudRun, type Place, placeName, type Share } from './cloud-run.ts';
import { judge, type Readings } from './judge.ts';

export interface ReleaseOptions {
  readonly places: readonly Place[];
  /** By digest. */
  readonly image: string;
  /** Percent of the traffic, ascending; the last is 100. */
  readonly stages: readonly number[];
  readonly run: CloudRun;
  /** Tries the candidate, or what is live; rejects with the step that failed. */
  readonly smoke: (stage: 'candidate' | 'live') => Promise<void>;
  /** What these revisions, by place, did in the last `seconds`. */
  readonly readings: (revisions: Serving, seconds: number) => Promise<Readings>;
  readonly stageSeconds: number;
  /** Waits while a stage is watched. */
  readonly watch: () => Promise<void>;
  readonly say: (line: string) => void;
}

/** Revisions by place. */
export type Serving = ReadonlyMap<string, string>;

const BASELINE_SECONDS = 3_600;

/** Rejects after the rollback where the release failed. */
export async function release(options: ReleaseOptions): Promise<Serving> {
  const { places, run, image, say } = options;
  const before = await servingRevisions(options);
  const baseline = await options.readings(before, BASELINE_SECONDS);
  const candidates = new Map<string, string>();
  try {
    for (const place of places) {
      const revision = await run.deployCandidate(place, image, at(before, place));
      candidates.set(placeName(place), revision);
      say(`${placeName(place)}: ${revision} is ready, without traffic`);
    }
    say('smoke test of the candidate');
    await options.smoke('candidate');
    for (const percent of options.stages) {
      for (const place of places) {
        await run.moveTraffic(place, [
          { revision: at(candidates, place), percent, tag: 'candidate' },
          { revision: at(before, place), percent: 100 - percent },
        ]);
      }
      say(`${percent} % of the traffic`);
      await options.watch();
      const seen = await options.readings(candidates, options.stageSeconds);
      const { reasons, unproven } = judge(seen, baseline);
      if (reasons.length > 0) throw new Error(reasons.join('; '));
      if (unproven.length > 0) say(`too few requests to judge: ${unproven.join(', ')}`);
    }
    say('smoke test of what is live');
    await options.smoke('live');
    return candidates;
  } catch (error) {
    await moveAll(before, options);
    say('rolled back');
    throw error;
  }
}

/** Moves everything to the newest ready revisions of an earlier image. Rejects, before any move, where one has none. */
export async function rollBack(
  options: Pick<ReleaseOptions, 'places' | 'run' | 'image'>,
): Promise<Serving> {
  const found = new Map<string, string>();
  for (const place of options.places)
    found.set(placeName(place), await options.run.revisionOf(place, options.image));
  await moveAll(found, options);
  return found;
}

/** Goes on where one function cannot be moved, and rejects at the end. */
async function moveAll(
  revisions: Serving,
  { places, run }: Pick<ReleaseOptions, 'places' | 'run'>,
): Promise<void> {
  const failed: string[] = [];
  for (const place of places) {
    const whole: Share = { revision: at(revisions, place), percent: 100 };
    await run.moveTraffic(place, [whole]).catch(() => failed.push(placeName(place)));
  }
  if (failed.length > 0) throw new Error(`not rolled back: ${failed.join(', ')}`);
}

async function servingRevisions({
  places,
  run,
}: Pick<ReleaseOptions, 'places' | 'run'>): Promise<Serving> {
  const found = new Map<string, string>();
  for (const place of places) found.set(placeName(place), await run.serving(place));
  return found;
}

const at = (revisions: Serving, place: Place): string => revisions.get(placeName(place)) ?? '';
