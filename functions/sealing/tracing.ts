/** How strongly the copy of each grant is marked, so that a leaked one names it: docs/tracing.md. */
export const TRACING = ['off', 'light', 'standard'] as const;

export type Tracing = (typeof TRACING)[number];
