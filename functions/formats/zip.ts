/**
 * Zip (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT): MediaPipe's `.task`, PyTorch's `.ptl`.
 * Members that are stored lie there as files of their own; packed ones are bytes that nobody can tell.
 */
import { type ArchiveEntry, EntryList } from './archive-entries.ts';
import { FormatError } from './errors.ts';
import type { RandomAccess } from './random-access.ts';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const [LOCAL_BYTES, CENTRAL_BYTES, END_BYTES, END_64_BYTES, LOCATOR_BYTES] = [30, 46, 22, 56, 20];
const MAX_COMMENT_BYTES = 65_535;
const EXTRA_64 = 1;
const ENCRYPTED = 1;
const STORED = 0;
const IN_64_BITS = 0xffff_ffff;
/** PyTorch pads so that data begins at a multiple of 64, others of 4096. */
const MAX_PADDING_BYTES = 4096;

/** By its directory, as readers know it: MediaPipe's bundles begin with padding. */
export async function isZip(file: RandomAccess): Promise<boolean> {
  if (file.sizeBytes < LOCAL_BYTES + END_BYTES) return false;
  if ((await file.u32(0, 'magic')) === LOCAL) return true;
  return (await endOfDirectory(file)) !== undefined;
}

/** The members, by name. Throws FormatError, also where two of them share bytes. */
export async function zipEntries(file: RandomAccess): Promise<readonly ArchiveEntry[]> {
  const entries = new EntryList(file);
  const { offset, length, count } = await centralDirectory(file);
  file.claim(offset, length);
  let at = offset;
  for (let i = 0; i < count; i++) {
    const { entry, bytes } = await centralEntry(file, at);
    at += bytes;
    if (!entry.name.endsWith('/')) entries.add(entry);
    else if (entry.length > 0)
      throw new FormatError('malformed', `${entry.name}: a folder of bytes`);
  }
  if (at !== offset + length) throw new FormatError('malformed', 'length of the directory');
  const all = [...entries.all].sort((a, b) => a.offset - b.offset);
  all.forEach((entry, i) => {
    const before = all[i - 1];
    const end = before ? before.offset + before.length : 0;
    if (entry.offset < end || entry.offset + entry.length > offset) {
      throw new FormatError('overlap', `member ${entry.name} at ${entry.offset}`);
    }
  });
  return all;
}

async function centralDirectory(file: RandomAccess) {
  const end = await endOfDirectory(file);
  if (end === undefined) throw new FormatError('malformed', 'a zip without a directory');
  file.claim(end, file.sizeBytes - end);
  let count = await file.u16(end + 10, 'directory');
  let length = await file.u32(end + 12, 'directory');
  let offset = await file.u32(end + 16, 'directory');
  const locator = end - LOCATOR_BYTES;
  if (locator >= 0 && (await file.u32(locator, 'directory')) === LOCATOR_64) {
    const at = await file.u64(locator + 8, 'directory');
    if ((await file.u32(at, 'directory')) !== END_64) throw new FormatError('malformed', 'zip64');
    file.claim(locator, LOCATOR_BYTES);
    file.claim(at, END_64_BYTES);
    count = await file.u64(at + 32, 'directory');
    length = await file.u64(at + 40, 'directory');
    offset = await file.u64(at + 48, 'directory');
  }
  file.check(offset, length, 'directory');
  if (offset + length > end) throw new FormatError('overlap', 'directory');
  return { offset, length, count };
}

/** From the file's end backwards, behind which only the comment lies. */
async function endOfDirectory(file: RandomAccess): Promise<number | undefined> {
  const from = Math.max(0, file.sizeBytes - END_BYTES - MAX_COMMENT_BYTES);
  const tail = await file.bytes(from, file.sizeBytes - from, 'directory');
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let at = tail.byteLength - END_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) !== END) continue;
    const comment = view.getUint16(at + 20, true);
    if (at + END_BYTES + comment === tail.byteLength) return from + at;
  }
  return undefined;
}

async function centralEntry(file: RandomAccess, at: number) {
  if ((await file.u32(at, 'directory')) !== CENTRAL)
    throw new FormatError('malformed', 'directory');
  const flags = await file.u16(at + 8, 'directory');
  const method = await file.u16(at + 10, 'directory');
  const nameBytes = await file.u16(at + 28, 'directory');
  const extraBytes = await file.u16(at + 30, 'directory');
  const commentBytes = await file.u16(at + 32, 'directory');
  const name = await file.text({ offset: at + CENTRAL_BYTES, length: nameBytes }, 'name');
  if (flags & ENCRYPTED) throw new FormatError('unsupported', `${name} is encrypted`);
  const sizes = [
    await file.u32(at + 24, 'size'),
    await file.u32(at + 20, 'packed size'),
    await file.u32(at + 42, 'place'),
  ];
  const extra = { offset: at + CENTRAL_BYTES + nameBytes, length: extraBytes };
  const [plain = 0, length = 0, local = 0] = await largeSizes(file, sizes, extra);
  if (method === STORED && plain !== length) throw new FormatError('malformed', `${name}: size`);
  const offset = await dataOffset(file, local, { name, nameBytes });
  file.check(offset, length, name);
  const entry = { name, offset, length, packed: method !== STORED };
  return { entry, bytes: CENTRAL_BYTES + nameBytes + extraBytes + commentBytes };
}

/** Numbers that do not fit stand in the extra field, in this order. */
async function largeSizes(
  file: RandomAccess,
  sizes: readonly number[],
  extra: { readonly offset: number; readonly length: number },
): Promise<readonly number[]> {
  if (!sizes.includes(IN_64_BITS)) return sizes;
  for (let at = extra.offset; at + 4 <= extra.offset + extra.length; ) {
    const id = await file.u16(at, 'extra field');
    const length = await file.u16(at + 2, 'extra field');
    if (id === EXTRA_64) {
      let next = at + 4;
      const read = [];
      for (const size of sizes) {
        read.push(size === IN_64_BITS ? await file.u64(next, 'size') : size);
        if (size === IN_64_BITS) next += 8;
      }
      if (next > at + 4 + length) throw new FormatError('malformed', 'extra field');
      return read;
    }
    at += 4 + length;
  }
  throw new FormatError('malformed', 'sizes without their extra field');
}

/** Where a member's bytes begin. Its local header must say the same name: readers go by the one or the other. */
async function dataOffset(
  file: RandomAccess,
  local: number,
  { name, nameBytes }: { readonly name: string; readonly nameBytes: number },
): Promise<number> {
  if ((await file.u32(local, 'member')) !== LOCAL) throw new FormatError('malformed', name);
  const localNameBytes = await file.u16(local + 26, 'member');
  const extraBytes = await file.u16(local + 28, 'member');
  const length = localNameBytes === nameBytes ? nameBytes : 0;
  const localName = await file.text({ offset: local + LOCAL_BYTES, length }, 'name');
  if (localName !== name) throw new FormatError('malformed', `${name} has two names`);
  file.claim(local, LOCAL_BYTES + nameBytes + Math.min(extraBytes, MAX_PADDING_BYTES));
  return local + LOCAL_BYTES + nameBytes + extraBytes;
}
