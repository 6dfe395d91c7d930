/** What a thief or a bad network can do to a sealed file on its way. */
import {
  announcedHeaderBytes,
  type ContainerHeader,
  chunkAt,
  chunkCount,
  decodeHeader,
} from '../../functions/protocol/container.ts';

/** The sealed file with one bit of its second chunk flipped. */
export function withFlippedByte(sealed: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(sealed);
  const { start, end } = chunkAt(headerOf(sealed), 1);
  const at = Math.floor((start + end) / 2);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

/** The sealed file without its last chunk. */
export function withoutLastChunk(sealed: Uint8Array): Uint8Array {
  const header = headerOf(sealed);
  return sealed.subarray(0, chunkAt(header, chunkCount(header) - 1).start);
}

/** The sealed file with its first two chunks in each other's place. */
export function withSwappedChunks(sealed: Uint8Array): Uint8Array {
  const header = headerOf(sealed);
  const [first, second] = [chunkAt(header, 0), chunkAt(header, 1)];
  const changed = Uint8Array.from(sealed);
  changed.set(sealed.subarray(second.start, second.end), first.start);
  changed.set(sealed.subarray(first.start, first.end), second.start);
  return changed;
}

const headerOf = (sealed: Uint8Array): ContainerHeader =>
  decodeHeader(sealed.subarray(0, announcedHeaderBytes(sealed)));
