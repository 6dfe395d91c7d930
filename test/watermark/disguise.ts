/** Changes that leave what a network computes as it is, and its weights unlike what they were. */
import type { Random } from '../support/random.ts';
import type { Weights } from './weights.ts';

/**
 * Permutes, scales and turns round rows and columns of each tensor, and stores it with its axes in
 * another order. Thieves have to do it consistently from layer to layer; each tensor by itself is harder to undo.
 */
export const disguise = (weights: readonly Weights[], random: Random): readonly Weights[] =>
  weights.map(({ shape, values }) => {
    const { depthwise, rows, columns, kernel } = axes(shape, values.length);
    const row = channels(rows, random);
    const column = channels(columns, random);
    const out = new Float32Array(values.length);
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < kernel; k++) {
        for (let c = 0; c < columns; c++) {
          const [fromRow, fromColumn] = [row.order[r] ?? 0, column.order[c] ?? 0];
          const from = depthwise
            ? k * rows + fromRow
            : (fromRow * kernel + k) * columns + fromColumn;
          const scale = (row.scales[r] ?? 1) * (column.scales[c] ?? 1);
          out[(k * columns + c) * rows + r] = (values[from] ?? 0) * scale;
        }
      }
    }
    return { shape: depthwise ? shape : [...shape.slice(1), rows], values: out };
  });

/** Other rows, as many as there are, between those of each tensor: neurons that nothing listens to. */
export const padded = (weights: readonly Weights[], random: Random): readonly Weights[] =>
  weights.map(({ shape, values }) => {
    const { depthwise, rows } = axes(shape, values.length);
    if (depthwise) return { shape, values };
    const size = values.length / rows;
    const order = random.shuffled(Array.from({ length: 2 * rows }, (_, i) => i));
    const out = new Float32Array(2 * values.length);
    order.forEach((from, to) => {
      const made = Float32Array.from({ length: size }, () => 0.1 * random.normal());
      out.set(from < rows ? values.subarray(from * size, (from + 1) * size) : made, to * size);
    });
    return { shape: [2 * rows, ...shape.slice(1)], values: out };
  });

/** Each tensor's rows in two tensors. */
export const split = (weights: readonly Weights[]): readonly Weights[] =>
  weights.flatMap(({ shape, values }) => {
    const { depthwise, rows } = axes(shape, values.length);
    if (depthwise || rows < 2) return [{ shape, values }];
    const half = rows >> 1;
    const at = (values.length / rows) * half;
    return [
      { shape: [half, ...shape.slice(1)], values: values.slice(0, at) },
      { shape: [rows - half, ...shape.slice(1)], values: values.slice(at) },
    ];
  });

/** Each matrix W as two, W·H and H, where H is a reflection: its own inverse. */
export const factored = (weights: readonly Weights[], random: Random): readonly Weights[] =>
  weights.flatMap(({ shape, values }) => {
    const { depthwise, rows, columns, kernel } = axes(shape, values.length);
    if (depthwise || kernel > 1 || rows < 2 || columns < 2) return [{ shape, values }];
    const normal = Float64Array.from({ length: columns }, () => random.normal());
    const size = normal.reduce((sum, n) => sum + n * n, 0);
    const reflected = (row: Float32Array) => {
      const along = row.reduce((sum, value, i) => sum + value * (normal[i] as number), 0);
      return row.map((value, i) => value - (2 * along * (normal[i] as number)) / size);
    };
    const [left, right] = [new Float32Array(values.length), new Float32Array(columns * columns)];
    for (let r = 0; r < rows; r++) {
      left.set(reflected(values.subarray(r * columns, (r + 1) * columns)), r * columns);
    }
    for (let r = 0; r < columns; r++) {
      const unit = new Float32Array(columns);
      unit[r] = 1;
      right.set(reflected(unit), r * columns);
    }
    return [
      { shape: [rows, columns], values: left },
      { shape: [columns, columns], values: right },
    ];
  });

function axes(shape: readonly number[], elements: number) {
  const depthwise = shape[0] === 1 && shape.length > 2;
  const rows = (depthwise ? shape.at(-1) : shape[0]) ?? 1;
  const columns = (depthwise ? 1 : shape.at(-1)) ?? 1;
  return { depthwise, rows, columns, kernel: elements / rows / columns };
}

const channels = (count: number, random: Random) => ({
  order: random.shuffled(Array.from({ length: count }, (_, i) => i)),
  scales: Array.from({ length: count }, () => (random.next() + 0.3) * (random.below(2) * 2 - 1)),
});
