/**
 * Whether one version goes wrong more often than another, asked again and again while devices report,
 * without being wrong the more often for it. Of each batch of reports only this is asked: given how many
 * devices of each version reported, and how many of them all went wrong, how many were of the new one?
 * Without a difference that is hypergeometric, whatever the mix of devices and the rate of failures of
 * the day; with an odds ratio it is Fisher's noncentral distribution. The likelihood ratio, multiplied
 * over batches, is a martingale where there is no difference, so that the chance that it ever reaches n
 * is at most 1/n (Ville; Grünwald, de Heide, Koolen, "Safe testing", https://arxiv.org/abs/1906.07801;
 * Lindon, Malek, "Anytime-valid inference for multinomial count data", https://arxiv.org/abs/2011.03567).
 * Where the new version is the better one, or as good, it tends to nothing.
 */

/** Odds ratios that are looked for, each with the same weight. Less than twice as bad halts nothing. */
const RATIOS = [2, 3, 5, 10];

/** Devices that reported, and how many of them went wrong. */
export interface Count {
  readonly devices: number;
  readonly bad: number;
}

export const NOTHING: Count = { devices: 0, bad: 0 };

export const sumOf = (a: Count, b: Count): Count => ({
  devices: a.devices + b.devices,
  bad: a.bad + b.bad,
});

/** Logarithms of the likelihood ratios so far, one for each odds ratio. */
export type Evidence = readonly number[];

export const NO_EVIDENCE: Evidence = RATIOS.map(() => 0);

/** The evidence with one more batch, of the new version and of the one before. */
export function withBatch(evidence: Evidence, recent: Count, before: Count): Evidence {
  return RATIOS.map(
    (ratio, index) => (evidence[index] ?? 0) + logLikelihoodRatio(Math.log(ratio), recent, before),
  );
}

/** How many times likelier than without a difference all this is: 100 is at most once in a hundred rollouts. */
export const strengthOf = (evidence: Evidence): number =>
  evidence.reduce((sum, log) => sum + Math.exp(Math.min(log, 500)), 0) / RATIOS.length;

function logLikelihoodRatio(logRatio: number, recent: Count, before: Count): number {
  const bad = recent.bad + before.bad;
  const least = Math.max(0, bad - before.devices);
  const most = Math.min(bad, recent.devices);
  // Weights of the hypergeometric distribution by the ratio of neighbours, each relative to the first.
  let logWeight = 0;
  const plain: number[] = [];
  const tilted: number[] = [];
  for (let x = least; x <= most; x++) {
    plain.push(logWeight);
    tilted.push(logWeight + x * logRatio);
    logWeight += Math.log(
      ((bad - x) * (recent.devices - x)) / ((x + 1) * (before.devices - bad + x + 1)),
    );
  }
  return recent.bad * logRatio - logSum(tilted) + logSum(plain);
}

function logSum(logs: readonly number[]): number {
  const max = logs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return max + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - max), 0));
}
