/** The numbers in a model file, whoever wrote it. */
import { FormatError } from '../formats/errors.ts';
import { type ModelFormat, parseModel } from '../formats/format.ts';
import { viewOf } from '../protocol/bytes.ts';
import { TraceError } from './errors.ts';
import type { MarkedLayer } from './plan.ts';
import { type WeightType, weightType } from './weight-type.ts';

export interface ModelTensor {
  readonly name?: string;
  readonly dtype: string;
  readonly shape: readonly number[] | undefined;
  readonly elements: number;
  /** Whether the numbers are those of some quantisation, whose scales we do not take from the file. */
  readonly integer: boolean;
  /** Number `element` as it is stored. */
  value(element: number): number;
}

/**
 * The tensors of a model file that have numbers we can compare; others are left out. Throws
 * `leak-unreadable` for whatever is no sound model file.
 */
export async function readTensors(
  file: Uint8Array,
  format?: ModelFormat,
): Promise<readonly ModelTensor[]> {
  try {
    const { layers } = await parseModel(file, format);
    return tensorsOf(file, layers);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new TraceError('leak-unreadable', cause.message, { cause });
  }
}

/** The tensors at these places of a file, which they do not leave. */
export function tensorsOf(
  file: Uint8Array,
  layers: readonly (MarkedLayer & { readonly name?: string | undefined })[],
): readonly ModelTensor[] {
  const view = viewOf(file);
  return layers.flatMap(({ name, dtype, shape, offset, length }) => {
    const type = weightType(dtype) ?? PLAIN_TYPES.get(dtype ?? '');
    if (!type || dtype === undefined) return [];
    const elements = Math.floor((length * 8) / type.bits);
    return [
      {
        ...(name !== undefined && { name }),
        dtype,
        shape,
        elements,
        integer: dtype.includes('int'),
        value: (element: number) => type.value(view, offset, element),
      },
    ];
  });
}

/** Kinds of numbers that we do not mark, but that a leak may have been converted to. */
const PLAIN_TYPES: ReadonlyMap<string, { bits: number; value: WeightType['value'] }> = new Map([
  [
    'float64',
    {
      bits: 64,
      value: (view: DataView, base: number, i: number) => view.getFloat64(base + 8 * i, true),
    },
  ],
  [
    'int16',
    {
      bits: 16,
      value: (view: DataView, base: number, i: number) => view.getInt16(base + 2 * i, true),
    },
  ],
]);
