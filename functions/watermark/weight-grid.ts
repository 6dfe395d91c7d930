/**
 * A tensor as rows and columns of small kernels: output channels, input channels, and what lies
 * between them. What leaves a network's function as it is moves and scales whole rows and columns.
 */
import { finite } from './rescale.ts';
import type { ModelTensor } from './tensors.ts';

export interface Axes {
  readonly rows: number;
  readonly columns: number;
  readonly kernel: number;
  /** Where in the tensor an element is. */
  readonly at: (row: number, kernel: number, column: number) => number;
}

interface Axis {
  readonly size: number;
  readonly role: 'row' | 'column' | 'kernel';
}

/** Of a published tensor: rows first and columns last; depthwise kernels, first 1 and channels last, have rows only. */
export function axesOf({
  shape = [],
  elements,
}: Pick<ModelTensor, 'shape' | 'elements'>): readonly Axis[] {
  const depthwise = shape.length > 2 && shape[0] === 1;
  const sizes = shape.filter((size) => size > 1);
  if (sizes.length === 0) return [{ size: elements, role: 'row' }];
  return sizes.map((size, i) => {
    const isFirst = i === 0;
    const isLast = i === sizes.length - 1;
    if (depthwise) return { size, role: isLast ? 'row' : 'kernel' };
    return { size, role: isFirst ? 'row' : isLast ? 'column' : 'kernel' };
  });
}

/**
 * All ways in which a leaked tensor may hold these axes: in any order, some run into one. Rows and
 * columns may be more or fewer, but not where there is a way in which they are not.
 */
export function layoutsOf(
  axes: readonly Axis[],
  leaked: Pick<ModelTensor, 'shape' | 'elements'>,
): Axes[] {
  const sizes = (leaked.shape ?? [leaked.elements]).filter((size) => size > 1);
  const possible = permutations(axes).flatMap((order) => {
    const found = sizesOf(order, sizes, leaked.elements);
    return found ? [withStrides(order, found)] : [];
  });
  const own = originalAxes(axes);
  const exact = possible.filter(
    ({ rows, columns }) => rows === own.rows && columns === own.columns,
  );
  return exact.length > 0 ? exact : possible;
}

/** The axes of the original itself. */
export const originalAxes = (axes: readonly Axis[]): Axes =>
  withStrides(
    axes,
    axes.map(({ size }) => size),
  );

function sizesOf(order: readonly Axis[], sizes: readonly number[], elements: number) {
  const own = order.map(({ size }) => size);
  if (sizes.length === own.length) {
    const fits = order.every(({ size, role }, i) => role !== 'kernel' || size === sizes[i]);
    return fits ? sizes : undefined;
  }
  // Flattened: the same elements in fewer or more dimensions.
  return sizes.length < own.length && own.reduce((a, b) => a * b, 1) === elements ? own : undefined;
}

function withStrides(order: readonly Axis[], sizes: readonly number[]): Axes {
  let stride = 1;
  const strides = sizes.map(() => 0);
  for (let i = sizes.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= sizes[i] as number;
  }
  const of = (role: Axis['role']) =>
    order.flatMap((axis, i) =>
      axis.role === role ? [{ size: sizes[i] as number, stride: strides[i] as number, axis }] : [],
    );
  const [row] = of('row');
  const [column] = of('column');
  // Kernels are counted in the original's order of their axes, whichever comes first here.
  const kernels = of('kernel').sort(
    (a, b) => (a.axis as OrderedAxis).place - (b.axis as OrderedAxis).place,
  );
  const kernel = kernels.reduce((product, { size }) => product * size, 1);
  const [outer, inner] = kernels.length > 1 ? kernels : [undefined, kernels[0]];
  const innerSize = inner?.size ?? 1;
  return {
    rows: row?.size ?? 1,
    columns: column?.size ?? 1,
    kernel,
    at: (r, k, c) =>
      r * (row?.stride ?? 0) +
      c * (column?.stride ?? 0) +
      Math.floor(k / innerSize) * (outer?.stride ?? 0) +
      (k % innerSize) * (inner?.stride ?? 0),
  };
}

interface OrderedAxis extends Axis {
  readonly place: number;
}

function permutations(axes: readonly Axis[]): readonly (readonly OrderedAxis[])[] {
  const placed = axes.slice(0, 4).map((axis, place) => ({ ...axis, place }));
  const all = (rest: readonly OrderedAxis[]): OrderedAxis[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((one) =>
          all(rest.filter((other) => other !== one)).map((tail) => [one, ...tail]),
        );
  return all(placed);
}

/** Numbers as [row][kernel][column], and what makes rows and columns of one size. */
export class WeightGrid {
  readonly rows: number;
  readonly columns: number;
  readonly kernel: number;
  readonly values: Float32Array;
  /** By what rows and columns are divided so that each has a mean square of 1. */
  readonly rowSizes: Float64Array;
  readonly columnSizes: Float64Array;

  constructor(tensor: Pick<ModelTensor, 'value'>, { rows, columns, kernel, at }: Axes) {
    [this.rows, this.columns, this.kernel] = [rows, columns, kernel];
    this.values = new Float32Array(rows * kernel * columns);
    for (let r = 0, i = 0; r < rows; r++) {
      for (let k = 0; k < kernel; k++) {
        for (let c = 0; c < columns; c++) this.values[i++] = finite(tensor.value(at(r, k, c)));
      }
    }
    [this.rowSizes, this.columnSizes] = balance(this);
  }

  /** A value in the size that all rows and columns are brought to. */
  balanced(row: number, kernel: number, column: number): number {
    const size = (this.rowSizes[row] as number) * (this.columnSizes[column] as number);
    return size > 0 ? this.at(row, kernel, column) / size : 0;
  }

  at(row: number, kernel: number, column: number): number {
    return this.values[(row * this.kernel + kernel) * this.columns + column] as number;
  }
}

const BALANCING_ROUNDS = 12;

/** Sinkhorn's iteration on the squares: whatever rows and columns were multiplied by, it comes out the same. */
function balance({ rows, columns, kernel, values }: WeightGrid): [Float64Array, Float64Array] {
  const energy = new Float64Array(rows * columns);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let k = 0; k < kernel; k++) {
      for (let c = 0; c < columns; c++, i++) {
        const at = r * columns + c;
        energy[at] = (energy[at] as number) + (values[i] as number) ** 2 / kernel;
      }
    }
  }
  const row = new Float64Array(rows).fill(1);
  const column = new Float64Array(columns).fill(1);
  for (let round = 0; round < BALANCING_ROUNDS; round++) {
    for (let r = 0; r < rows; r++) {
      let [sum, count] = [0, 0];
      for (let c = 0; c < columns; c++) {
        if ((column[c] as number) === 0) continue;
        sum += (energy[r * columns + c] as number) / (column[c] as number) ** 2;
        count += 1;
      }
      row[r] = Math.sqrt(sum / Math.max(1, count));
    }
    const sums = new Float64Array(columns);
    let live = 0;
    for (let r = 0; r < rows; r++) {
      if ((row[r] as number) === 0) continue;
      live += 1;
      const scale = 1 / (row[r] as number) ** 2;
      for (let c = 0; c < columns; c++) {
        sums[c] = (sums[c] as number) + (energy[r * columns + c] as number) * scale;
      }
    }
    for (let c = 0; c < columns; c++)
      column[c] = Math.sqrt((sums[c] as number) / Math.max(1, live));
  }
  return [row, column];
}
