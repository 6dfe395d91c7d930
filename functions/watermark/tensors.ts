/** The numbers in a model file, whoever wrote it. */
import { FormatError } from '../formats/errors.ts';
import { type ModelFormat, parseModel } from '../formats/format.ts';
import { viewOf } from '../protocol/bytes.ts';
import { TraceError } from './errors.ts';
import { type PlainType, plainType } from './plain-types.ts';
import type { MarkedLayer } from './plan.ts';
import { weightType } from './weight-type.ts';

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
    if (dtype === undefined) return [];
    const type = readable(dtype);
    if (!type) return [];
    const elements = type.elements(length);
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

function readable(dtype: string): PlainType | undefined {
  const type = weightType(dtype);
  if (!type) return plainType(dtype);
  return { elements: (bytes) => Math.floor((bytes * 8) / type.bits), value: type.value };
}
