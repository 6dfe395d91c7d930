/**
 * How loud the noise around each mark is. Noise in proportion to the weights, a scale for each
 * channel, pruning of the small: each is loud at some marks and silent at others, and what is
 * silent must not be weighed as if it were loud.
 */
import type { ComparedTensor } from './compare-marks.ts';
import { NORMAL_MEDIAN } from './residuals.ts';

/** Fewer residuals give no median worth having. */
const [FEWEST_OF_A_SIZE, FEWEST_OF_A_CHANNEL] = [64, 32];

/**
 * For each mark, the deviation of the residuals of its like, mark and noise together: by size of the
 * weight, in octaves, and on top of that by channel.
 */
export function spreadsOf({
  residuals,
  amplitudes,
  channels,
}: Pick<ComparedTensor, 'residuals' | 'amplitudes' | 'channels'>): Float64Array {
  const sizes = Int32Array.from(amplitudes, (a) =>
    a === 0 ? 0 : Math.floor(Math.log2(Math.abs(a))),
  );
  const marks = Array.from(amplitudes.keys()).filter((i) => amplitudes[i] !== 0);
  const magnitude = (i: number) => Math.abs(residuals[i] as number);
  const all = median(marks.map(magnitude)) / NORMAL_MEDIAN;
  const bySize = groupedMedians(marks, sizes, FEWEST_OF_A_SIZE, magnitude);
  const ofSize = (i: number) => {
    const found = bySize.get(sizes[i] as number);
    return found === undefined ? all : found / NORMAL_MEDIAN;
  };
  const byChannel = groupedMedians(marks, channels, FEWEST_OF_A_CHANNEL, (i) => {
    const size = ofSize(i);
    return size > 0 ? magnitude(i) / size : NORMAL_MEDIAN;
  });
  const spreads = new Float64Array(residuals.length);
  for (const i of marks) {
    const channel = byChannel.get(channels[i] as number);
    spreads[i] = ofSize(i) * (channel === undefined ? 1 : channel / NORMAL_MEDIAN);
  }
  return spreads;
}

function groupedMedians(
  marks: readonly number[],
  groups: Int32Array,
  fewest: number,
  value: (mark: number) => number,
): ReadonlyMap<number, number> {
  const medians = new Map<number, number>();
  for (const [group, members] of Map.groupBy(marks, (i) => groups[i] as number)) {
    if (members.length >= fewest) medians.set(group, median(members.map(value)));
  }
  return medians;
}

const median = (values: readonly number[]): number =>
  Float64Array.from(values).sort()[values.length >> 1] ?? 0;
