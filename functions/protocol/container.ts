/**
 * The sealed file: a clear header, then the model in chunks, each a Secure Cell. Vault, delivery and
 * device storage use the same container, under keys of their own. All numbers are big-endian.
 *
 *   0   8  "MDLSEAL" and 1A
 *   8   2  version, 1
 *   10  2  flags: 1 where the weight layers inside are imprinted, all other bits 0
 *   12  4  bytes of plaintext in each chunk but the last
 *   16  8  bytes of plaintext in all
 *   24  4  number of weight layers
 *   28 20  each layer: index (4), offset (8), length (8), by ascending offset, without overlap
 *
 * Chunk i is sealed under the context SHA-256(header) ‖ i (4 bytes) ‖ 01 for the last, 00 before it.
 */
import { concat, u32be, utf8, viewOf } from './bytes.ts';
import { SealError } from './errors.ts';
import { CELL_OVERHEAD_BYTES } from './secure-cell.ts';

/** A run of weights in the model file. Its index never changes: it is part of the layer's key. */
export interface WeightLayer {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
}

export interface ContainerHeader {
  readonly imprinted: boolean;
  readonly chunkBytes: number;
  readonly plainBytes: number;
  readonly layers: readonly WeightLayer[];
}

export const DEFAULT_CHUNK_BYTES = 1 << 20;
export const HEADER_PREFIX_BYTES = 28;
export const MAX_LAYERS = 65_536;

const MAGIC = concat(utf8('MDLSEAL'), new Uint8Array([0x1a]));
const VERSION = 1;
const IMPRINTED = 1;
const LAYER_BYTES = 20;
const MIN_CHUNK_BYTES = 64;
const MAX_CHUNK_BYTES = 1 << 24;
const MAX_U32 = 0xffff_ffff;

/** How many bytes tell a container from anything else. */
export const MAGIC_BYTES = 8;

/** Whether a file begins as a container does. */
export const isContainerStart = (bytes: Uint8Array): boolean =>
  MAGIC.every((byte, i) => bytes[i] === byte);

/** Throws `layers-invalid` unless the layers ascend, do not overlap and lie within the file. */
export function checkLayers(layers: readonly WeightLayer[], plainBytes: number): void {
  if (layers.length > MAX_LAYERS) throw new SealError('layers-invalid', 'too many layers');
  const indices = new Set<number>();
  let end = 0;
  for (const { index, offset, length } of layers) {
    // Themis knows no message of more than four gigabytes.
    const sound =
      isWithin(index, 0, MAX_U32) &&
      isWithin(offset, end, Number.MAX_SAFE_INTEGER) &&
      isWithin(length, 1, MAX_U32);
    if (!sound || indices.has(index) || offset + length > plainBytes) {
      throw new SealError('layers-invalid', `layer ${index} at ${offset}, ${length} bytes`);
    }
    indices.add(index);
    end = offset + length;
  }
}

const isWithin = (value: number, low: number, high: number) =>
  Number.isSafeInteger(value) && value >= low && value <= high;

function checkSizes({
  chunkBytes,
  plainBytes,
}: Pick<ContainerHeader, 'chunkBytes' | 'plainBytes'>) {
  const sound =
    isWithin(chunkBytes, MIN_CHUNK_BYTES, MAX_CHUNK_BYTES) &&
    isWithin(plainBytes, 1, Number.MAX_SAFE_INTEGER) &&
    Math.ceil(plainBytes / chunkBytes) <= MAX_U32;
  if (!sound) {
    throw new SealError('container-malformed', `${plainBytes} bytes in chunks of ${chunkBytes}`);
  }
}

/** The header's one encoding. Throws `container-malformed` and `layers-invalid`. */
export function encodeHeader(header: ContainerHeader): Uint8Array {
  checkSizes(header);
  checkLayers(header.layers, header.plainBytes);
  const bytes = new Uint8Array(headerBytes(header));
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  view.setUint16(8, VERSION);
  view.setUint16(10, header.imprinted ? IMPRINTED : 0);
  view.setUint32(12, header.chunkBytes);
  view.setBigUint64(16, BigInt(header.plainBytes));
  view.setUint32(24, header.layers.length);
  header.layers.forEach(({ index, offset, length }, i) => {
    const at = HEADER_PREFIX_BYTES + i * LAYER_BYTES;
    view.setUint32(at, index);
    view.setBigUint64(at + 4, BigInt(offset));
    view.setBigUint64(at + 12, BigInt(length));
  });
  return bytes;
}

/**
 * How long the whole header is, from its first 28 bytes: at most 1.3 MB, so that a hostile file
 * cannot make a reader ask for more. Throws `container-malformed` and `version-unsupported`.
 */
export function announcedHeaderBytes(prefix: Uint8Array): number {
  if (prefix.byteLength < HEADER_PREFIX_BYTES || !isContainerStart(prefix)) {
    throw new SealError('container-malformed', 'not a sealed model');
  }
  const view = viewOf(prefix);
  if (view.getUint16(8) !== VERSION) {
    throw new SealError('version-unsupported', `container version ${view.getUint16(8)}`);
  }
  const layerCount = view.getUint32(24);
  if (layerCount > MAX_LAYERS) throw new SealError('container-malformed', 'too many layers');
  return HEADER_PREFIX_BYTES + layerCount * LAYER_BYTES;
}

/** Reads exactly one header. Throws `container-malformed` and `version-unsupported`. */
export function decodeHeader(bytes: Uint8Array): ContainerHeader {
  if (announcedHeaderBytes(bytes) !== bytes.byteLength) {
    throw new SealError('container-malformed', 'header of another length than it says');
  }
  const view = viewOf(bytes);
  const flags = view.getUint16(10);
  if (flags > IMPRINTED) throw new SealError('version-unsupported', `flags ${flags}`);
  const layers = Array.from({ length: view.getUint32(24) }, (_, i) => {
    const at = HEADER_PREFIX_BYTES + i * LAYER_BYTES;
    return {
      index: view.getUint32(at),
      offset: Number(view.getBigUint64(at + 4)),
      length: Number(view.getBigUint64(at + 12)),
    };
  });
  const header = {
    imprinted: flags === IMPRINTED,
    chunkBytes: view.getUint32(12),
    plainBytes: Number(view.getBigUint64(16)),
    layers,
  };
  checkSizes(header);
  try {
    checkLayers(layers, header.plainBytes);
  } catch (cause) {
    throw new SealError('container-malformed', 'layers', { cause });
  }
  return header;
}

const headerBytes = ({ layers }: Pick<ContainerHeader, 'layers'>): number =>
  HEADER_PREFIX_BYTES + layers.length * LAYER_BYTES;

export const chunkCount = (header: Pick<ContainerHeader, 'plainBytes' | 'chunkBytes'>): number =>
  Math.ceil(header.plainBytes / header.chunkBytes);

/** The size of the whole sealed file, known before the first byte of it is. */
export const containerBytes = (header: Omit<ContainerHeader, 'imprinted'>): number =>
  headerBytes(header) + header.plainBytes + chunkCount(header) * CELL_OVERHEAD_BYTES;

/** Where chunk `index` lies: in the model (`offset`, `length`) and in the sealed file (`start` to `end`). */
export function chunkAt(header: ContainerHeader, index: number) {
  const offset = index * header.chunkBytes;
  const length = Math.min(header.chunkBytes, header.plainBytes - offset);
  const start = headerBytes(header) + offset + index * CELL_OVERHEAD_BYTES;
  return { offset, length, start, end: start + length + CELL_OVERHEAD_BYTES };
}

/** The context that ties a chunk to its file, its place and to being the last (STREAM, https://eprint.iacr.org/2015/189). */
export function chunkContext(headerHash: Uint8Array, index: number, last: boolean): Uint8Array {
  return concat(headerHash, u32be(index), new Uint8Array([last ? 1 : 0]));
}
