/**
 * Seconds of one CPU that the grant function takes for one grant: 20 ms and 15 ms for each megabyte, measured by
 * `npm run load -- --only stack` on a machine of two cores (23 ms for 250 kB, 450 ms for 28 MB, in its process).
 */
export const grantCpuSeconds = (sizeBytes: number): number => 0.02 + 0.015 * (sizeBytes / 1e6);
