/** Object storage as the domain sees it: Cloud Storage, and an in-memory double in tests. */

export interface ObjectInfo {
  readonly name: string;
  readonly sizeBytes: number;
  readonly createdAt: Date;
  readonly generation: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface WriteOptions {
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Fail with ObjectExistsError rather than replace. */
  readonly ifAbsent?: boolean;
  readonly signal?: AbortSignal;
}

/** `absent`: there was none. */
export type Deletion = 'deleted' | 'absent' | 'failed';

/** What Cloud Storage takes in one request (https://cloud.google.com/storage/docs/batch). */
export const MAX_DELETED_TOGETHER = 100;

export class ObjectMissingError extends Error {
  constructor(bucket: string, name: string, options?: ErrorOptions) {
    super(`object ${bucket}/${name} is missing`, options);
    this.name = 'ObjectMissingError';
  }
}

export class ObjectExistsError extends Error {
  constructor(bucket: string, name: string, options?: ErrorOptions) {
    super(`object ${bucket}/${name} exists`, options);
    this.name = 'ObjectExistsError';
  }
}

export interface ObjectStore {
  /**
   * The object's bytes from `start` (inclusive) to `end` (exclusive), as they arrive; checksum verified on a
   * whole read. Throws ObjectMissingError, also where another than the given generation is there.
   */
  read(
    bucket: string,
    name: string,
    range?: { readonly start: number; readonly end: number },
    generation?: string,
  ): AsyncIterable<Uint8Array>;
  /** Uploads with crc32c verified by the service; if `body` throws or `signal` aborts, no object appears. */
  write(
    bucket: string,
    name: string,
    body: AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<ObjectInfo>;
  /** Undefined where there is no such object. */
  stat(bucket: string, name: string): Promise<ObjectInfo | undefined>;
  /** True if there was one; with a generation, if that was the one there. */
  delete(bucket: string, name: string, generation?: string): Promise<boolean>;
  /**
   * What became of each of up to MAX_DELETED_TOGETHER objects, in their order. One that fails does
   * not stop the others.
   */
  deleteTogether(bucket: string, names: readonly string[]): Promise<readonly Deletion[]>;
  /** In the order of names. */
  list(bucket: string, prefix: string): AsyncIterable<ObjectInfo>;
}
