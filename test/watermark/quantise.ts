/** Symmetric 8-bit quantisation as TFLite has it: the largest weight of each run of `run` becomes 127. */
export function quantise(values: Float32Array, run: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += run) {
    const scale = scaleOf(values, start, run);
    for (let i = start; i < start + run; i++) {
      out[i] = scale > 0 ? Math.round((values[i] as number) / scale) * scale : 0;
    }
  }
  return out;
}

/** The same without the way back: the numbers that are stored. */
export function quantised(values: Float32Array, run: number): Int8Array<ArrayBuffer> {
  const out = new Int8Array(values.length);
  for (let start = 0; start < values.length; start += run) {
    const scale = scaleOf(values, start, run);
    for (let i = start; i < start + run; i++) {
      out[i] = scale > 0 ? Math.round((values[i] as number) / scale) : 0;
    }
  }
  return out;
}

function scaleOf(values: Float32Array, start: number, run: number): number {
  let largest = 0;
  for (let i = start; i < start + run; i++) {
    largest = Math.max(largest, Math.abs(values[i] as number));
  }
  return largest / 127;
}
