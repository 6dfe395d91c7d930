/** From what a parser found to the layers that are sealed, and the account of every byte of the file. */
import { MAX_LAYERS } from '../protocol/container.ts';
import { FormatError } from './errors.ts';
import type { Extents } from './extents.ts';
import type { FoundLayer, ModelLayer } from './layers.ts';
import type { RandomAccess } from './random-access.ts';

/** Where the bytes of a model file are; together they are all of it. */
export interface Coverage {
  /** In layers of which the format tells what they are. */
  readonly weightBytes: number;
  /** In layers that nothing is known of: sealed since they may be weights. */
  readonly opaqueBytes: number;
  /** What the format needs: headers, names, tables. It stays in the clear within the file. */
  readonly structureBytes: number;
  /** Neither: bytes that nobody explains and that are no layer, such as padding. */
  readonly clearBytes: number;
}

/** The share of the bytes that are not structure which lies in layers; 1 where there are none. */
export function sealedShare({ weightBytes, opaqueBytes, clearBytes }: Coverage): number {
  const sealed = weightBytes + opaqueBytes;
  return sealed + clearBytes === 0 ? 1 : sealed / (sealed + clearBytes);
}

/** Themis counts a message's bytes in 32 bits. */
const MAX_LAYER_BYTES = 0xffff_ffff;
/** What is longer is divided so that nothing important is. */
const MAX_RUN_BYTES = 1 << 30;

/**
 * A run shorter than the first stays in the clear, since each costs a key of its own: padding, scalars,
 * axes. Where that would leave more than a hundredth of the file open, shorter ones are taken as well.
 */
const FLOORS = [64, 16, 1] as const;
const MAX_CLEAR_SHARE = 0.01;
/** Zeros up to so many are padding: LiteRT-LM begins each section at a multiple of 16 KiB. */
const MAX_PADDING_BYTES = 16_384;

/** A run of bytes to seal. Without a dtype and a name it is one that nobody explains. */
type Run = Omit<FoundLayer, 'offset' | 'length'> & {
  readonly offset: number;
  readonly length: number;
  readonly explained: boolean;
};

/**
 * Layers by ascending offset: those that were found and, as runs of their own, the bytes that nobody
 * explains. Throws `overlap` where a layer covers structure or a part of another, and `too-large`.
 */
export async function coverFile(
  file: RandomAccess,
): Promise<{ readonly layers: readonly ModelLayer[]; readonly coverage: Coverage }> {
  const filled = fillGaps(file.sizeBytes, withoutRepetition(file.layers), file.structure);
  const runs: Run[] = [];
  for (const run of filled) if (!(await isPadding(file, run))) runs.push(run);
  const worth = bytesOf(runs);
  let chosen: Run[] = [];
  for (const floor of FLOORS) {
    chosen = runs.filter(({ length }) => length >= floor);
    if (worth - bytesOf(chosen) <= MAX_CLEAR_SHARE * worth) break;
  }
  const joined = joinSmall(chosen);
  const weightBytes = bytesOf(joined.filter(({ explained }) => explained));
  const opaqueBytes = bytesOf(joined) - weightBytes;
  const clearBytes = worth - bytesOf(chosen);
  const structureBytes = file.sizeBytes - weightBytes - opaqueBytes - clearBytes;
  const coverage = { weightBytes, opaqueBytes, structureBytes, clearBytes };
  return { layers: numbered(joined.flatMap(parts)), coverage };
}

/** Zeros between two things, as they stand before what has to begin at a round number. */
async function isPadding(file: RandomAccess, { explained, offset, length }: Run): Promise<boolean> {
  if (explained || length > MAX_PADDING_BYTES) return false;
  const bytes = await file.bytes(offset, length, 'padding');
  return bytes.every((byte) => byte === 0);
}

const bytesOf = (runs: readonly { readonly length: number }[]): number =>
  runs.reduce((sum, { length }) => sum + length, 0);

/** By ascending offset; of runs over the same bytes one, and what lies within another is that other. */
function withoutRepetition(found: readonly FoundLayer[]): readonly FoundLayer[] {
  const sorted = [...found].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const kept: FoundLayer[] = [];
  for (const layer of sorted) {
    const last = kept.at(-1);
    const lastEnd = last ? last.offset + last.length : 0;
    if (!last || layer.offset >= lastEnd) kept.push(layer);
    else if (layer.offset + layer.length > lastEnd) {
      throw new FormatError('overlap', `layers at ${last.offset} and at ${layer.offset}`);
    } else if (layer.dtype !== last.dtype) {
      // Read as two kinds of numbers: no step of the one is a small one of the other.
      kept[kept.length - 1] = { ...last, dtype: 'shared' };
    }
  }
  return kept;
}

/** The layers and, between them and the structure, the runs that are neither. */
function fillGaps(
  sizeBytes: number,
  layers: readonly FoundLayer[],
  structure: Extents,
): readonly Run[] {
  const runs: Run[] = [];
  let next = 0;
  let at = 0;
  const gapTo = (offset: number) => {
    if (offset > at) runs.push({ offset: at, length: offset - at, explained: false });
  };
  const layersBefore = (end: number) => {
    for (; ; next++) {
      const layer = layers[next];
      if (!layer || layer.offset >= end) return;
      if (layer.offset < at) throw covers(layer);
      gapTo(layer.offset);
      runs.push({ ...layer, explained: true });
      at = layer.offset + layer.length;
    }
  };
  for (const { offset, end } of structure) {
    layersBefore(end);
    const last = layers[next - 1];
    if (last && at > offset) throw covers(last);
    gapTo(offset);
    at = end;
  }
  layersBefore(sizeBytes);
  gapTo(sizeBytes);
  return runs;
}

const covers = ({ offset }: FoundLayer) =>
  new FormatError('overlap', `the layer at ${offset} covers the file's own structure`);

/** Below so many bytes neighbours become one, where there are more runs than a container takes. */
const JOINED_BYTES = [256, 4096, 65_536, Number.POSITIVE_INFINITY] as const;

function joinSmall(runs: readonly Run[]): readonly Run[] {
  let joined = runs;
  for (const most of JOINED_BYTES) {
    if (joined.length <= MAX_LAYERS) return joined;
    joined = joinBelow(joined, most);
  }
  if (joined.length > MAX_LAYERS) throw new FormatError('too-large', `${runs.length} layers`);
  return joined;
}

/** Joins neighbours that are both shorter than `most`, with what lies between them, up to 16 times that. */
function joinBelow(runs: readonly Run[], most: number): readonly Run[] {
  const joined: Run[] = [];
  let open: Run | undefined;
  for (const run of runs) {
    const end = run.offset + run.length;
    if (open && run.length < most && end - open.offset <= 16 * most) {
      const explained: boolean = open.explained || run.explained;
      open = { offset: open.offset, length: end - open.offset, explained };
      joined[joined.length - 1] = open;
      continue;
    }
    joined.push(run);
    open = run.length < most ? run : undefined;
  }
  return joined;
}

/** A run longer than a layer may be, in several; none of them has the shape of the whole. */
function parts(run: Run): readonly Run[] {
  if (run.length <= (run.shape ? MAX_LAYER_BYTES : MAX_RUN_BYTES)) return [run];
  const { shape: _, index: __, ...rest } = run;
  return Array.from({ length: Math.ceil(run.length / MAX_RUN_BYTES) }, (_part, i) => {
    const start = i * MAX_RUN_BYTES;
    const length = Math.min(MAX_RUN_BYTES, run.length - start);
    return { ...rest, offset: run.offset + start, length };
  });
}

/** The numbers that the format gave, others behind them; all anew where the format gave one twice. */
function numbered(runs: readonly Run[]): readonly ModelLayer[] {
  const given = runs.flatMap(({ index }) => (index === undefined ? [] : [index]));
  const unique = new Set(given).size === given.length;
  let next = unique ? given.reduce((most, index) => Math.max(most, index + 1), 0) : 0;
  return runs.map(({ explained: _, index, ...run }) => ({
    index: unique && index !== undefined ? index : next++,
    ...run,
  }));
}
