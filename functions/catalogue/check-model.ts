/** What a file must be before it is published: sound, with its weights found, and able to bear its marks. */
import { ServiceError } from '../errors.ts';
import { type Coverage, sealedShare } from '../formats/cover.ts';
import { FormatError } from '../formats/errors.ts';
import { type ModelFormat, type ParsedModel, parseModel } from '../formats/format.ts';
import type { ModelSource, Span } from '../formats/random-access.ts';
import type { Manifest } from '../protocol/manifest.ts';
import type { WatermarkStrength } from '../protocol/watermark-strength.ts';
import { planMarks } from '../watermark/plan.ts';
import { STRENGTHS } from '../watermark/strength.ts';

/** How the publisher wants the file to be read. */
export interface ReadingOptions {
  /** Undefined: told by the file's bytes. */
  readonly format?: ModelFormat;
  /** The weights of an opaque file; all of it where there are none. */
  readonly ranges?: readonly Span[];
  /** Publish though less of the file is sealed than the policy wants. */
  readonly allowClear?: boolean;
}

/**
 * The model's layers, and which share of its bytes they are. Throws model_invalid for a file that is no
 * sound model, or of which less than `minSealedShare` of what is not structure would be sealed.
 */
export async function checkModel(
  model: ModelSource,
  { format, ranges, allowClear = false }: ReadingOptions,
  minSealedShare: number,
): Promise<ParsedModel> {
  const parsed = await parseModel(model, format, ranges).catch((error: unknown) => {
    if (!(error instanceof FormatError)) throw error;
    throw new ServiceError('model_invalid', { reason: error.message, cause: error });
  });
  const share = sealedShare(parsed.coverage);
  const isEnough = parsed.layers.length > 0 && share >= minSealedShare;
  if (!isEnough && !allowClear) {
    const missing = `${parsed.coverage.clearBytes} bytes of unknown meaning would stay in the clear`;
    const sealed = `${percent(share)} of the weights found, ${percent(minSealedShare)} wanted`;
    throw new ServiceError('model_invalid', {
      reason: `uncovered: ${sealed}, ${missing}; --allow-clear publishes it all the same`,
    });
  }
  return parsed;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** The layers of one type. */
export interface LayerKind {
  /** Undefined: nobody knows what they are. */
  readonly dtype: string | undefined;
  readonly layers: number;
  readonly bytes: number;
}

/** What was found, for a person or a log. */
export function summaryOf({ format, layers, coverage, notes }: ParsedModel) {
  const kinds = new Map<string | undefined, { layers: number; bytes: number }>();
  for (const { dtype, length } of layers) {
    const kind = kinds.get(dtype) ?? { layers: 0, bytes: 0 };
    kinds.set(dtype, { layers: kind.layers + 1, bytes: kind.bytes + length });
  }
  return {
    ...{ format, coverage, notes, layers: layers.length },
    weightBytes: coverage.weightBytes + coverage.opaqueBytes,
    kinds: [...kinds].map(([dtype, kind]): LayerKind => ({ dtype, ...kind })),
  };
}

/** What a log or an event says of a file's bytes. */
export const coverageFields = (coverage: Coverage) => ({
  ...coverage,
  sealedShare: Number(sealedShare(coverage).toFixed(4)),
});

/** With fewer, not even a copy as it is names its device beyond doubt: check-model.test.ts. */
const MIN_MARKS = 256;
/** With fewer, one copy is named, but two that are put together may not be. */
export const FEW_MARKS = 1024;

/**
 * How many marks copies bear, at most; 0 where they are not marked. Throws model_invalid for a model that
 * cannot bear the marks that the publisher or the deployment asks for: it goes out unmarked only where
 * somebody says so.
 */
export function checkMarks(tracing: WatermarkStrength, layers: Manifest['layers']): number {
  if (tracing === 'off') return 0;
  const { groups } = planMarks(layers, STRENGTHS[tracing]);
  if (groups < MIN_MARKS) {
    throw new ServiceError('model_invalid', { reason: 'too_few_weights_to_trace' });
  }
  return groups;
}
