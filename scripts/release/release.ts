/**
 * A release, step by step: every function gets a revision without traffic, tagged `candidate`; the
 * smoke client tries them at the candidate host; then traffic moves in stages while the error ratio
 * is watched. Anything that goes wrong moves all traffic back to the revisions from before.
 */

/** Runs `gcloud` with these arguments and gives what it printed. Rejects where it fails. */
export type Gcloud = (...args: readonly string[]) => Promise<string>;

export interface ReleaseOptions {
  readonly functions: readonly string[];
  readonly region: string;
  /** By digest. */
  readonly image: string;
  /** Percent of the traffic, ascending; the last is 100. */
  readonly stages: readonly number[];
  readonly gcloud: Gcloud;
  /** Tries the candidate; rejects with the step that failed. */
  readonly smoke: () => Promise<void>;
  /** Share of requests to these revisions that failed since the stage began, 0 to 1; null without traffic. */
  readonly errorRatio: (revisions: readonly string[]) => Promise<number | null>;
  /** Waits while a stage is watched. */
  readonly watch: () => Promise<void>;
  readonly say: (line: string) => void;
}

/** More errors than this among the candidate's requests end the release. */
export const MAX_ERROR_RATIO = 0.01;

/** The revisions that serve all the traffic, by function. */
export type Serving = ReadonlyMap<string, string>;

/** Rejects after the rollback where the release failed. */
export async function release(options: ReleaseOptions): Promise<Serving> {
  const before = await servingRevisions(options);
  const candidates = new Map<string, string>();
  try {
    for (const name of options.functions) {
      candidates.set(name, await deployCandidate(name, options));
    }
    options.say('smoke test of the candidate');
    await options.smoke();
    for (const percent of options.stages) {
      for (const [name, revision] of candidates) {
        await moveTraffic(
          name,
          { [revision]: percent, [before.get(name) ?? '']: 100 - percent },
          options,
        );
      }
      options.say(`${percent} % of the traffic`);
      await options.watch();
      const ratio = await options.errorRatio([...candidates.values()]);
      if (ratio !== null && ratio > MAX_ERROR_RATIO) {
        throw new Error(`${(100 * ratio).toFixed(1)} % of the candidate's requests failed`);
      }
    }
    return candidates;
  } catch (error) {
    await rollBack(before, options);
    throw error;
  }
}

/** Moves all traffic to `revisions`; goes on where one function cannot be moved, and rejects at the end. */
export async function rollBack(
  revisions: Serving,
  options: Pick<ReleaseOptions, 'gcloud' | 'region' | 'say'>,
): Promise<void> {
  const failed: string[] = [];
  for (const [name, revision] of revisions) {
    try {
      await moveTraffic(name, { [revision]: 100 }, options);
    } catch {
      failed.push(name);
    }
  }
  options.say('rolled back');
  if (failed.length > 0) throw new Error(`not rolled back: ${failed.join(', ')}`);
}

/** Throws where a function's traffic is split: an earlier release did not come to its end. */
export async function servingRevisions({
  functions,
  region,
  gcloud,
}: Pick<ReleaseOptions, 'functions' | 'region' | 'gcloud'>): Promise<Serving> {
  const found = new Map<string, string>();
  for (const name of functions) {
    const text = await gcloud(
      'run',
      'services',
      'describe',
      name,
      `--region=${region}`,
      '--format=json',
    );
    const { status } = JSON.parse(text) as ServiceDescription;
    const whole = status.traffic?.find(({ percent }) => percent === 100);
    if (!whole?.revisionName) throw new Error(`${name}: no revision has all the traffic`);
    found.set(name, whole.revisionName);
  }
  return found;
}

interface ServiceDescription {
  readonly status: {
    readonly latestCreatedRevisionName?: string;
    readonly traffic?: readonly { readonly percent?: number; readonly revisionName?: string }[];
  };
}

async function deployCandidate(
  name: string,
  { gcloud, region, image, say }: ReleaseOptions,
): Promise<string> {
  const text = await gcloud(
    ...['run', 'deploy', name, `--region=${region}`, `--image=${image}`],
    ...['--no-traffic', '--tag=candidate', '--quiet', '--format=json'],
  );
  const revision = (JSON.parse(text) as ServiceDescription).status.latestCreatedRevisionName;
  if (!revision) throw new Error(`${name}: no revision was made`);
  say(`${name}: ${revision} is ready, without traffic`);
  return revision;
}

async function moveTraffic(
  name: string,
  shares: Readonly<Record<string, number>>,
  { gcloud, region }: Pick<ReleaseOptions, 'gcloud' | 'region'>,
): Promise<void> {
  const split = Object.entries(shares).filter(([revision, percent]) => revision && percent > 0);
  await gcloud(
    ...['run', 'services', 'update-traffic', name, `--region=${region}`, '--quiet'],
    `--to-revisions=${split.map(([revision, percent]) => `${revision}=${percent}`).join(',')}`,
  );
}
