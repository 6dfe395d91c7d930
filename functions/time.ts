/** Lengths of time in milliseconds, as `Date` counts. Days are civil days of 24 hours: UTC has no others. */
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
