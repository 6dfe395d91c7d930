/**
 * Which bytes of a model lie in an older copy of it. Only the layout, which both manifests tell anyway,
 * and the bytes of the two copies decide, so that a patch says nothing that is not in the copies.
 */
import type { WeightLayer } from '../protocol/container.ts';
import type { FindSteps, ReadBase } from '../protocol/patch.ts';

/** A part of the model, and what is to be added to an offset there for its place in the base. */
interface Aligned {
  readonly start: number;
  readonly end: number;
  readonly shift: number;
}

interface Layout {
  readonly plainBytes: number;
  readonly layers: readonly WeightLayer[];
}

/** So many layers of the base may have gone in a row. */
const LOOK_AHEAD = 64;
/** A step costs four bytes or so: fewer equal bytes in a row are inserted with their neighbours. */
const MIN_COPY_BYTES = 8;
const BLOCK_BYTES = 4096;

/**
 * Layers that follow each other in the same order with the same lengths are taken for the same; what
 * lies before a layer goes with it, and what lies behind the last one with that.
 */
export function alignLayers(base: Layout, model: Layout): readonly Aligned[] {
  const aligned: Aligned[] = [];
  let [next, baseEnd, end] = [0, 0, 0];
  for (const layer of model.layers) {
    const found = base.layers
      .slice(next, next + LOOK_AHEAD)
      .findIndex(({ length }) => length === layer.length);
    const counterpart = base.layers[next + found];
    if (found >= 0 && counterpart) {
      const shift = counterpart.offset - layer.offset;
      const start = Math.max(end, baseEnd - shift);
      aligned.push({ start, end: layer.offset + layer.length, shift });
      baseEnd = counterpart.offset + counterpart.length;
      next += found + 1;
    }
    end = layer.offset + layer.length;
  }
  const rest = Math.min(model.plainBytes - end, base.plainBytes - baseEnd);
  if (rest > 0) aligned.push({ start: end, end: end + rest, shift: baseEnd - end });
  return aligned;
}

/** Compares each part with the bytes of the base that it is aligned with. Parts come in order. */
export function stepFinder(aligned: readonly Aligned[], readBase: ReadBase): FindSteps {
  let next = 0;
  return async ({ offset, bytes }) => {
    const steps = new Steps();
    const end = offset + bytes.byteLength;
    let at = offset;
    for (; next < aligned.length; next++) {
      const run = aligned[next] as Aligned;
      if (run.start >= end) break;
      const [from, to] = [Math.max(run.start, offset), Math.min(run.end, end)];
      if (from < to) {
        steps.insert(from - at);
        const base = new Uint8Array(to - from);
        await readBase(from + run.shift, base);
        compare(steps, bytes.subarray(from - offset, to - offset), base, from + run.shift);
        at = to;
      }
      if (run.end > end) break;
    }
    steps.insert(end - at);
    return steps.all;
  };
}

function compare(steps: Steps, bytes: Uint8Array, base: Uint8Array, from: number): void {
  let [at, differing] = [0, 0];
  while (at < bytes.byteLength) {
    const same = equalUntil(bytes, base, at);
    if (same - at >= MIN_COPY_BYTES || same === bytes.byteLength) {
      steps.insert(at - differing);
      steps.copy(from + at, same - at);
      differing = same;
    }
    at = same;
    while (at < bytes.byteLength && bytes[at] !== base[at]) at += 1;
  }
  steps.insert(at - differing);
}

/** Where the first byte from `at` on lies that differs; block by block, which is many times as fast. */
function equalUntil(a: Uint8Array, b: Uint8Array, at: number): number {
  let end = at;
  for (; end + BLOCK_BYTES <= a.byteLength; end += BLOCK_BYTES) {
    if (
      Buffer.compare(a.subarray(end, end + BLOCK_BYTES), b.subarray(end, end + BLOCK_BYTES)) !== 0
    )
      break;
  }
  while (end < a.byteLength && a[end] === b[end]) end += 1;
  return end;
}

/** Steps in order; neighbours that are one are joined. */
class Steps {
  readonly all: { from: number; copy: number; insert: number }[] = [];

  copy(from: number, length: number): void {
    if (length === 0) return;
    const last = this.all.at(-1);
    if (last && last.insert === 0 && last.from + last.copy === from) last.copy += length;
    else this.all.push({ from, copy: length, insert: 0 });
  }

  insert(length: number): void {
    if (length === 0) return;
    const last = this.all.at(-1);
    if (last) last.insert += length;
    else this.all.push({ from: 0, copy: 0, insert: length });
  }
}
