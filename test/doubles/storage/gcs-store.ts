import { createHash, type Hash, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from '../../../functions/cloud/crc32c.ts';

/** What a client may say of an object that it uploads. */
export interface UploadMetadata {
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Checksums of what it sends, in base64. */
  readonly crc32c?: string;
  readonly md5Hash?: string;
}

/** An object as the JSON API has it. */
export interface ObjectResource extends UploadMetadata {
  readonly kind: 'storage#object';
  readonly id: string;
  readonly name: string;
  readonly bucket: string;
  readonly generation: string;
  readonly metageneration: '1';
  readonly size: string;
  readonly crc32c: string;
  readonly md5Hash: string;
  readonly etag: string;
  readonly timeCreated: string;
  readonly updated: string;
  readonly storageClass: 'STANDARD';
}

/** Bytes on their way in; they become an object at `commit`, or never. */
export interface StagedBytes {
  readonly length: number;
  append(bytes: Uint8Array): Promise<void>;
  discard(): Promise<void>;
}

export type Commit =
  | { readonly stored: ObjectResource }
  | { readonly refused: 'precondition' | 'checksum' };

export interface GcsStore {
  hasBucket(bucket: string): boolean;
  stage(): StagedBytes;
  /** `ifGenerationMatch`: the generation that must be the current one; `0` means none. */
  commit(
    staged: StagedBytes,
    target: { readonly bucket: string; readonly name: string; readonly ifGenerationMatch?: string },
    metadata: UploadMetadata,
  ): Promise<Commit>;
  find(bucket: string, name: string): ObjectResource | undefined;
  /** In the order of names. */
  list(bucket: string, prefix: string): readonly ObjectResource[];
  remove(bucket: string, name: string): Promise<boolean>;
  /** The file with the bytes of an object that `find` gave. */
  fileOf(resource: ObjectResource): string;
}

/** Objects as pairs of files, bytes and metadata, in `folder`; those that are there already are found again. */
export function openGcsStore(folder: string, buckets: readonly string[]): GcsStore {
  const incoming = join(folder, 'incoming');
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true });
  for (const bucket of buckets) mkdirSync(join(folder, bucket), { recursive: true });

  const fileOf = ({ bucket, name, generation }: ObjectResource): string =>
    join(folder, bucket, `${createHash('sha256').update(name).digest('hex')}.${generation}`);
  const keyOf = (bucket: string, name: string): string => `${bucket}/${name}`;
  const objects = new Map<string, ObjectResource>();
  let lastGeneration = 0;
  for (const resource of buckets.flatMap((bucket) => savedIn(join(folder, bucket)))) {
    objects.set(keyOf(resource.bucket, resource.name), resource);
  }

  const removeFiles = async (resource: ObjectResource): Promise<void> => {
    await rm(`${fileOf(resource)}.json`, { force: true });
    await rm(fileOf(resource), { force: true });
  };

  return {
    hasBucket: (bucket) => buckets.includes(bucket),
    stage: () => new StagedFile(join(incoming, randomUUID())),
    find: (bucket, name) => objects.get(keyOf(bucket, name)),
    fileOf,

    list: (bucket, prefix) =>
      [...objects.values()]
        .filter((object) => object.bucket === bucket && object.name.startsWith(prefix))
        .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))),

    commit: async (staged, { bucket, name, ifGenerationMatch }, metadata) => {
      if (!(staged instanceof StagedFile)) throw new Error('not staged in this store');
      const sums = await staged.finish();
      const wrong =
        (metadata.crc32c !== undefined && metadata.crc32c !== sums.crc32c) ||
        (metadata.md5Hash !== undefined && metadata.md5Hash !== sums.md5Hash);
      const before = objects.get(keyOf(bucket, name));
      const expected = ifGenerationMatch ?? before?.generation ?? '0';
      if (wrong || expected !== (before?.generation ?? '0')) {
        await staged.discard();
        return { refused: wrong ? 'checksum' : 'precondition' };
      }
      // Microseconds since 1970, as Cloud Storage numbers its generations.
      lastGeneration = Math.max(lastGeneration + 1, Date.now() * 1000);
      const now = new Date().toISOString();
      const stored: ObjectResource = {
        ...metadata,
        ...sums,
        kind: 'storage#object',
        id: `${bucket}/${name}/${lastGeneration}`,
        name,
        bucket,
        generation: String(lastGeneration),
        metageneration: '1',
        size: String(staged.length),
        etag: sums.md5Hash,
        timeCreated: now,
        updated: now,
        storageClass: 'STANDARD',
      };
      // Nothing awaits between the check above and this: of two uploads at once, one sees the other.
      renameSync(staged.path, fileOf(stored));
      writeFileSync(`${fileOf(stored)}.json`, JSON.stringify(stored));
      objects.set(keyOf(bucket, name), stored);
      if (before) await removeFiles(before);
      return { stored };
    },

    remove: async (bucket, name) => {
      const resource = objects.get(keyOf(bucket, name));
      if (!resource) return false;
      objects.delete(keyOf(bucket, name));
      await removeFiles(resource);
      return true;
    },
  };
}

class StagedFile implements StagedBytes {
  readonly path: string;
  length = 0;
  #crc = 0;
  #md5: Hash = createHash('md5');
  #file: FileHandle | undefined;

  constructor(path: string) {
    this.path = path;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#file ??= await open(this.path, 'a');
    this.#crc = crc32c(bytes, this.#crc);
    this.#md5.update(bytes);
    this.length += bytes.length;
    await this.#file.appendFile(bytes);
  }

  async finish(): Promise<{ readonly crc32c: string; readonly md5Hash: string }> {
    this.#file ??= await open(this.path, 'a');
    await this.#file.close();
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(this.#crc);
    return { crc32c: crc.toString('base64'), md5Hash: this.#md5.digest('base64') };
  }

  async discard(): Promise<void> {
    await this.#file?.close();
    await rm(this.path, { force: true });
  }
}

function savedIn(folder: string): readonly ObjectResource[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json') && existsSync(join(folder, file.slice(0, -5))))
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as ObjectResource);
}
