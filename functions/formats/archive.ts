/**
 * Models of more than one file, in one tar or zip: an ONNX model with its external data, a Core ML
 * `.mlpackage`, MediaPipe's `.task`, PyTorch's `.ptl`, TensorFlow.js with its shards, ncnn. Members
 * that are no model are not explained by anybody, and so are sealed as they are.
 */
import type { ArchiveEntry, Members } from './archive-entries.ts';
import { isCoreMl, parseCoreMl } from './coreml.ts';
import { parseCoreMlWeights } from './coreml-weights.ts';
import { FormatError } from './errors.ts';
import { findNcnn } from './ncnn.ts';
import { parseOnnx } from './onnx.ts';
import { topLevelFields } from './protobuf.ts';
import type { RandomAccess } from './random-access.ts';
import { isTar, tarEntries } from './tar.ts';
import { findTfjs } from './tfjs.ts';
import { findTorch } from './torch.ts';
import { isZip, zipEntries } from './zip.ts';

const MAX_DEPTH = 4;
const MODEL_PATH = '@model_path/';

/** Finds the layers of a file of one of the formats that one file can be of; false where it is of none. */
export type ParseMember = (file: RandomAccess, depth: number) => Promise<boolean>;

export const isArchive = async (file: RandomAccess): Promise<boolean> =>
  (await isZip(file)) || (await isTar(file));

/** Throws FormatError, `format-unknown` where no member is a model. */
export async function parseArchive(
  file: RandomAccess,
  parseMember: ParseMember,
  depth = 0,
): Promise<void> {
  if (depth > MAX_DEPTH) throw new FormatError('too-large', 'archives within archives');
  const entries = (await isZip(file)) ? await zipEntries(file) : await tarEntries(file);
  const taken = new Set<ArchiveEntry>();
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const members: Members = {
    file,
    entries,
    beside(entry, path) {
      const found = byName.get(folderOf(entry) + path);
      return found === entry || found?.packed ? undefined : found;
    },
    open: (entry) => file.part(entry, entry.name),
    take: (entry) => taken.add(entry),
  };
  for (const find of [findOnnx, findCoreMl, findTfjs, findTorch, findNcnn]) await find(members);
  for (const entry of entries) {
    if (taken.has(entry) || entry.length === 0) continue;
    const isModel =
      !entry.packed && !isAppleDouble(entry) && (await parseMember(members.open(entry), depth + 1));
    if (isModel) taken.add(entry);
    else file.note(`${entry.name}: ${entry.packed ? 'packed' : 'of no known format'}`);
  }
  if (taken.size === 0) throw new FormatError('format-unknown', 'no model in the archive');
}

const folderOf = ({ name }: ArchiveEntry) => name.slice(0, name.lastIndexOf('/') + 1);

/** What macOS's tar and zip put beside each file: its attributes. */
const isAppleDouble = ({ name }: ArchiveEntry) => /(?:^|\/)(?:\._[^/]*|__MACOSX\/.*)$/.test(name);

const candidates = ({ entries }: Members, ending: string) =>
  entries.filter((entry) => entry.name.endsWith(ending) && !entry.packed && !isAppleDouble(entry));

/** ONNX names external data by a path from the model's own folder. */
async function findOnnx(members: Members): Promise<void> {
  for (const entry of candidates(members, '.onnx')) {
    members.take(entry);
    await parseOnnx(members.open(entry), (location) => {
      const data = members.beside(entry, location);
      if (data) members.take(data);
      return data && members.open(data);
    });
  }
}

/** A program names its weights by a path from the package's data folder. */
async function findCoreMl(members: Members): Promise<void> {
  for (const entry of candidates(members, '.mlmodel')) {
    const model = members.open(entry);
    if (!isCoreMl(await topLevelFields(model))) continue;
    members.take(entry);
    const blobs = new Map<string, Map<number, 'linear' | 'code'>>();
    await parseCoreMl(model, (path, offset, role) => {
      const roles = blobs.get(path) ?? new Map<number, 'linear' | 'code'>();
      const known = roles.get(offset);
      roles.set(offset, known === undefined || known === role ? role : 'code');
      blobs.set(path, roles);
    });
    for (const [path, roles] of blobs) {
      const relative = path.startsWith(MODEL_PATH) ? path.slice(MODEL_PATH.length) : path;
      const weights = members.beside(entry, relative);
      if (!weights) throw new FormatError('unsupported', `the archive has no ${path}`);
      members.take(weights);
      await parseCoreMlWeights(members.open(weights), roles);
    }
  }
}
