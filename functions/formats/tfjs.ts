/** TensorFlow.js (https://github.com/tensorflow/tfjs, io/types.ts): a `model.json` that tells what lies in which shard. */

import type { ArchiveEntry, Members } from './archive-entries.ts';
import { FormatError } from './errors.ts';
import { JsonReader } from './json-reader.ts';
import { layerName, MAX_DIMENSIONS, tensorBytes } from './layers.ts';

const MAX_JSON_BYTES = 1 << 26;
const MANIFEST_KEY = 'weightsManifest';

interface Weight {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}
interface Group {
  readonly paths: readonly string[];
  readonly weights: readonly Weight[];
}

/** Finds the weights of each manifest in its shards. Throws FormatError, `unsupported` for a missing shard. */
export async function findTfjs(members: Members): Promise<void> {
  for (const entry of members.entries) {
    if (entry.packed || !entry.name.endsWith('.json') || entry.length > MAX_JSON_BYTES) continue;
    const groups = entry.length > 0 ? await readManifest(members, entry) : undefined;
    for (const group of groups ?? []) noteGroup(members, entry, group);
    if (groups) members.take(entry);
  }
}

/** The groups of a model or of a manifest by itself; undefined where it is neither. */
async function readManifest(members: Members, entry: ArchiveEntry): Promise<Group[] | undefined> {
  const bytes = await members.open(entry).bytes(0, entry.length, entry.name);
  const json = new JsonReader(bytes, members.file.budget);
  let groups: Group[] | undefined;
  try {
    if (json.isArray()) groups = readGroups(json);
    else {
      json.object((key) => {
        if (key === MANIFEST_KEY) groups = readGroups(json);
        else json.skip();
      });
    }
    json.end();
    return groups;
  } catch (error) {
    // Another JSON file, or one that is none: nobody's manifest.
    if (error instanceof FormatError && error.code === 'malformed' && !groups) return undefined;
    throw error;
  }
}

function readGroups(json: JsonReader): Group[] {
  const groups: Group[] = [];
  json.array(() => {
    const paths: string[] = [];
    const weights: Weight[] = [];
    json.object((key) => {
      if (key === 'paths') json.array(() => paths.push(json.string()));
      else if (key === 'weights') json.array(() => weights.push(readWeight(json)));
      else json.skip();
    });
    groups.push({ paths, weights });
  });
  return groups;
}

function readWeight(json: JsonReader): Weight {
  let [name, dtype, quantised]: [string, string, string | undefined] = ['', '', undefined];
  let shape: number[] = [];
  json.object((key) => {
    if (key === 'name') name = json.string();
    else if (key === 'dtype') dtype = json.string();
    else if (key === 'shape') shape = json.wholeNumbers(MAX_DIMENSIONS);
    else if (key === 'quantization') {
      json.object((part) => {
        if (part === 'dtype') quantised = json.string();
        else json.skip();
      });
    } else json.skip();
  });
  return { name, dtype: quantised ?? dtype, shape };
}

/** A group's shards are one run of bytes; a weight that lies in two of them is two layers. */
function noteGroup(members: Members, manifest: ArchiveEntry, { paths, weights }: Group): void {
  const shards = paths.map((path) => {
    const shard = members.beside(manifest, path);
    if (!shard) throw new FormatError('unsupported', `the archive has no ${path}`);
    members.take(shard);
    return shard;
  });
  let [shard, at] = [0, 0];
  for (const { name, dtype, shape } of weights) {
    let left = tensorBytes(dtype, shape);
    // Of text nobody knows the length before reading it: the rest stays unexplained.
    if (Number.isNaN(left)) return;
    const whole = left;
    while (left > 0) {
      const holder = shards[shard];
      if (!holder) throw new FormatError('outside-file', `weight ${name}`);
      const length = Math.min(left, holder.length - at);
      const described = length === whole ? { dtype, shape } : { dtype };
      if (length > 0) {
        members.file.found({
          offset: holder.offset + at,
          length,
          ...layerName(name),
          ...described,
        });
      }
      left -= length;
      at += length;
      if (at === holder.length) [shard, at] = [shard + 1, 0];
    }
  }
}
