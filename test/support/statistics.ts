/** The least value that this share of all values does not exceed; NaN where there are none. */
export function quantile(values: Iterable<number>, share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** The middle value; of an even number of values, the lower of the two in the middle. */
export const median = (values: Iterable<number>): number => quantile(values, 0.5);
