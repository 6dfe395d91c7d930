/** A model's weights out of its file, for attackers to work on, and back into a leak. */
import { viewOf } from '../../functions/protocol/bytes.ts';
import type { MarkedLayer } from '../../functions/watermark/plan.ts';
import { type ModelTensor, tensorsOf } from '../../functions/watermark/tensors.ts';
import { quantised } from './quantise.ts';

export interface Weights {
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

/** The tensors of two and more dimensions of a model whose weights are float16, as the MediaPipe models' are. */
export function weightsOf(file: Uint8Array, layers: readonly MarkedLayer[]): Weights[] {
  const view = viewOf(file);
  return layers.flatMap(({ dtype, shape = [], offset, length }) => {
    if (dtype !== 'float16' || shape.length < 2) return [];
    const values = new Float32Array(length / 2);
    for (let i = 0; i < values.length; i++) values[i] = view.getFloat16(offset + 2 * i, true);
    return [{ shape, values }];
  });
}

/** As the tensors of a file that says nothing but float32 numbers. */
export const leakOf = (weights: readonly Weights[]): readonly ModelTensor[] =>
  weights.flatMap(({ shape, values }) =>
    tensorsOf(new Uint8Array(values.buffer), [
      { index: 0, offset: 0, length: values.byteLength, dtype: 'float32', shape },
    ]),
  );

/** A model file of float32 weights: the same tensors as one run of bytes with layers. */
export function float32Model(weights: readonly Weights[]) {
  const bytes = new Uint8Array(weights.reduce((sum, { values }) => sum + values.byteLength, 0));
  const layers: MarkedLayer[] = [];
  let offset = 0;
  for (const { shape, values } of weights) {
    bytes.set(new Uint8Array(values.buffer), offset);
    const length = values.byteLength;
    layers.push({ index: layers.length, offset, length, dtype: 'float32', shape });
    offset += length;
  }
  return { bytes, layers };
}

/** The same in 8 bits, with a scale for each channel that lies elsewhere. */
export function int8Model(weights: readonly Weights[]) {
  const kernels = weights.filter(({ shape }) => shape.filter((size) => size > 1).length > 1);
  const bytes = new Uint8Array(kernels.reduce((sum, { values }) => sum + values.length, 0));
  const layers: MarkedLayer[] = [];
  let offset = 0;
  for (const { shape, values } of kernels) {
    const numbers = quantised(values, values.length / (shape[0] ?? 1));
    bytes.set(new Uint8Array(numbers.buffer), offset);
    layers.push({ index: layers.length, offset, length: numbers.length, dtype: 'int8', shape });
    offset += numbers.length;
  }
  return { bytes, layers };
}

/** The numbers in such a file. */
export const int8WeightsOf = (
  { buffer }: Uint8Array<ArrayBuffer>,
  layers: readonly MarkedLayer[],
): readonly Weights[] =>
  layers.map(({ shape = [], offset, length }) => ({
    shape,
    values: Float32Array.from(new Int8Array(buffer, offset, length)),
  }));
