/** How strongly the copy of each grant is marked, so that a leaked one names it: docs/analysts/tracing.md. */
export const WATERMARK_STRENGTHS = ['off', 'light', 'standard'] as const;

export type WatermarkStrength = (typeof WATERMARK_STRENGTHS)[number];
