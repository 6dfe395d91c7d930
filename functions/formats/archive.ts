/**
 * Models of more than one file, in one uncompressed tar (POSIX.1-1988 ustar, section 10.1.1): an ONNX
 * model with its external data, a Core ML `.mlpackage`. Files of no format we know stay in the clear
 * inside the file layer, as configuration and labels do.
 */
import { FormatError } from './errors.ts';
import { finishLayers, type ModelLayer, type Structure } from './layers.ts';
import { findOnnxTensors } from './onnx.ts';
import type { Span } from './protobuf.ts';
import { RandomAccess } from './random-access.ts';

const BLOCK_BYTES = 512;
const MAX_ENTRIES = 10_000;
const REGULAR_FILE: ReadonlySet<string> = new Set(['0', '\0']);

interface Entry extends Span {
  readonly name: string;
}

/** Tells the format of one file of the archive and finds its layers; undefined for a file of no known format. */
export type ParseEntry = (
  file: RandomAccess,
) => Promise<{ readonly format: string; readonly layers: readonly ModelLayer[] } | undefined>;

export async function isArchive(file: RandomAccess): Promise<boolean> {
  return file.sizeBytes >= 2 * BLOCK_BYTES && (await ascii(file, 257, 5)) === 'ustar';
}

/** The layers of all files, numbered through. Throws FormatError, `format-unknown` where there are none. */
export async function parseArchive(
  file: RandomAccess,
  parseEntry: ParseEntry,
): Promise<readonly ModelLayer[]> {
  const { entries, structures } = await entriesOf(file);
  const found: Omit<ModelLayer, 'index'>[] = [];
  for (const entry of entries) {
    if (entry.length === 0) continue;
    if (entry.name.endsWith('.onnx')) {
      found.push(...(await findOnnxTensors(file, entry, siblingsOf(entry, entries))));
    } else {
      const parsed = await parseEntry(part(file, entry));
      for (const layer of parsed?.layers ?? []) {
        found.push({ ...layer, offset: entry.offset + layer.offset });
      }
    }
  }
  if (found.length === 0) throw new FormatError('format-unknown', 'no model in the archive');
  return finishLayers(
    found.map((layer, index) => ({ ...layer, index })),
    structures,
  );
}

/** ONNX names external data by a path from the model's own folder. */
function siblingsOf(model: Entry, entries: readonly Entry[]) {
  const folder = model.name.slice(0, model.name.lastIndexOf('/') + 1);
  return (location: string) =>
    entries.find((entry) => entry !== model && entry.name === folder + location);
}

/** One file of the archive as a file of its own. */
function part(file: RandomAccess, { offset, length }: Span): RandomAccess {
  return new RandomAccess({
    sizeBytes: length,
    read: (at, count) => file.bytes(offset + at, count, 'file of the archive'),
  });
}

async function entriesOf(file: RandomAccess) {
  const entries: Entry[] = [];
  const structures: Structure[] = [];
  let at = 0;
  while (at + BLOCK_BYTES <= file.sizeBytes) {
    structures.push({ offset: at, length: BLOCK_BYTES });
    if ((await file.u8(at, 'archive')) === 0) break;
    if (structures.length > MAX_ENTRIES) throw new FormatError('too-large', 'archive');
    if ((await ascii(file, at + 257, 5)) !== 'ustar') {
      throw new FormatError('malformed', `no archive header at ${at}`);
    }
    const prefix = await ascii(file, at + 345, 155);
    const name = (prefix && `${prefix}/`) + (await ascii(file, at, 100));
    const length = octal(await ascii(file, at + 124, 12), name);
    const type = String.fromCharCode(await file.u8(at + 156, 'archive'));
    const offset = at + BLOCK_BYTES;
    file.check(offset, length, name);
    if (REGULAR_FILE.has(type)) entries.push({ name: name.replace(/^\.\//, ''), offset, length });
    at = offset + Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return { entries, structures };
}

function octal(text: string, name: string): number {
  const value = /^[0-7]+ *$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new FormatError('malformed', `${name}: size`);
  return value;
}

/** Text up to the first zero byte. */
async function ascii(file: RandomAccess, offset: number, length: number): Promise<string> {
  const text = String.fromCharCode(...(await file.bytes(offset, length, 'archive')));
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}
