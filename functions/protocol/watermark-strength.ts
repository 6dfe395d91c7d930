/** How strongly each copy is marked, so that a leaked one names whose it was: docs/analysts/tracing.md. */
export const WATERMARK_STRENGTHS = ['off', 'light', 'standard', 'resistant'] as const;

export type WatermarkStrength = (typeof WATERMARK_STRENGTHS)[number];
