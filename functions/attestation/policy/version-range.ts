/** Compares dotted numbers: negative where `a` is the earlier version; 1.2 is 1.2.0. */
function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether `version` lies in the range, its ends included. */
export function isInRange(
  version: string,
  range: { readonly min?: string | undefined; readonly max?: string | undefined },
): boolean {
  return (
    (range.min === undefined || compareVersions(version, range.min) >= 0) &&
    (range.max === undefined || compareVersions(version, range.max) <= 0)
  );
}
