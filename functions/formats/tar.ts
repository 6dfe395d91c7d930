/**
 * Tar as real tools write it: ustar (POSIX.1-1988, 10.1.1), pax headers (POSIX.1-2001), GNU's long names
 * and sizes (https://www.gnu.org/software/tar/manual/html_node/Standard.html), the oldest form without magic.
 */
import { type ArchiveEntry, EntryList } from './archive-entries.ts';
import { FormatError } from './errors.ts';
import type { RandomAccess } from './random-access.ts';

const BLOCK_BYTES = 512;
const MAX_HEADER_BODY_BYTES = 1 << 20;
const [PAX, PAX_GLOBAL, GNU_NAME, GNU_LINK] = ['x', 'g', 'L', 'K'];
const FOLDER = '5';
const REGULAR: ReadonlySet<string> = new Set(['0', '\0', '7']);
/** Records of pax that change where a file's bytes are. */
const SPARSE = /^GNU\.sparse\./;

/** Whether the first block is a header with a sum that is right. */
export async function isTar(file: RandomAccess): Promise<boolean> {
  if (file.sizeBytes < 2 * BLOCK_BYTES) return false;
  const block = await file.bytes(0, BLOCK_BYTES, 'archive');
  return block[0] !== 0 && isHeader(block);
}

/** The regular files, by name. Throws FormatError, `unsupported` for links and sparse files. */
export async function tarEntries(file: RandomAccess): Promise<readonly ArchiveEntry[]> {
  const entries = new EntryList(file);
  let next: Partial<Record<'path' | 'size', string>> = {};
  for (let at = 0; at + BLOCK_BYTES <= file.sizeBytes; ) {
    const block = await file.bytes(at, BLOCK_BYTES, 'archive');
    if (block.every((byte) => byte === 0)) {
      await claimEnd(file, at);
      break;
    }
    if (!isHeader(block)) throw new FormatError('malformed', `no archive header at ${at}`);
    file.claim(at, BLOCK_BYTES);
    const type = String.fromCharCode(block[156] ?? 0);
    const name = next.path ?? nameOf(block);
    const isMeta = [PAX, PAX_GLOBAL, GNU_NAME, GNU_LINK].includes(type);
    const size = isMeta ? undefined : next.size;
    const length = size === undefined ? numberOf(block, 124, 12) : Number(size);
    const offset = at + BLOCK_BYTES;
    if (!Number.isSafeInteger(length)) throw new FormatError('malformed', `${name}: size`);
    file.check(offset, length, name);
    const end = Math.min(offset + Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES, file.sizeBytes);
    file.claim(offset + length, end - offset - length);
    at = end;
    if (isMeta) {
      next = { ...next, ...(await readMeta(file, type, { offset, length })) };
      continue;
    }
    if (REGULAR.has(type) && !name.endsWith('/')) entries.add({ name, offset, length });
    else if (type !== FOLDER && !name.endsWith('/')) {
      throw new FormatError('unsupported', `${name}: a link or a sparse file`);
    }
    next = {};
  }
  return entries.all;
}

/** Tools fill the last record with zeros: that is the archive's, whatever else lies there is not. */
async function claimEnd(file: RandomAccess, from: number): Promise<void> {
  for (let at = from; at < file.sizeBytes; at += BLOCK_BYTES) {
    const length = Math.min(BLOCK_BYTES, file.sizeBytes - at);
    const block = await file.bytes(at, length, 'archive');
    if (block.some((byte) => byte !== 0)) return;
    file.claim(at, length);
  }
}

/** What a header before a header says of the file to come. */
async function readMeta(
  file: RandomAccess,
  type: string,
  { offset, length }: { readonly offset: number; readonly length: number },
): Promise<{ readonly path?: string; readonly size?: string }> {
  if (length > MAX_HEADER_BODY_BYTES) throw new FormatError('too-large', 'a header of the archive');
  file.claim(offset, length);
  file.budget.text(length);
  const text =
    length > 0 ? new TextDecoder().decode(await file.bytes(offset, length, 'header')) : '';
  if (type === GNU_NAME) return { path: text.split('\0', 1)[0] ?? '' };
  return type === PAX ? paxRecords(text) : {};
}

/** `LENGTH KEY=VALUE\n`, the length in bytes of the whole record. */
function paxRecords(text: string): { readonly path?: string; readonly size?: string } {
  const records: { path?: string; size?: string } = {};
  for (const line of text.split('\n')) {
    const [, key = '', value = ''] = /^\d+ ([^=]+)=(.*)$/s.exec(line) ?? [];
    if (SPARSE.test(key)) throw new FormatError('unsupported', 'a sparse file in the archive');
    if (key === 'path') records.path = value;
    if (key === 'size') records.size = /^\d{1,16}$/.test(value) ? value : 'none';
  }
  return records;
}

/** The sum of the header's bytes, with spaces for the sum itself; some tools add them as signed. */
function isHeader(block: Uint8Array): boolean {
  const said = numberOf(block, 148, 8);
  let unsigned = 0;
  let signed = 0;
  block.forEach((byte, i) => {
    const value = i >= 148 && i < 156 ? 0x20 : byte;
    unsigned += value;
    signed += (value << 24) >> 24;
  });
  return said === unsigned || said === signed;
}

function nameOf(block: Uint8Array): string {
  const isUstar = asciiOf(block, 257, 6) === 'ustar' && block[262] === 0;
  const prefix = isUstar ? asciiOf(block, 345, 155) : '';
  return (prefix && `${prefix}/`) + asciiOf(block, 0, 100);
}

/** Octal digits, or a number in base 256 where the first bit is set; NaN for anything else. */
function numberOf(block: Uint8Array, at: number, length: number): number {
  const bytes = block.subarray(at, at + length);
  if (bytes[0] === 0x80) return bytes.slice(1).reduce((sum, byte) => sum * 256 + byte, 0);
  const text = asciiOf(block, at, length).trim();
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

/** Text up to the first zero byte. */
function asciiOf(block: Uint8Array, at: number, length: number): string {
  const bytes = block.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
