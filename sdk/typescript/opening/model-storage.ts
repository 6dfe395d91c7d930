/**
 * The app's private storage: files by name. What is written to it is encrypted already. What it throws
 * becomes a SealError `storage-unavailable`: it may work later, and nothing is given up for it.
 */
export interface ModelStorage {
  /** `length` bytes from `offset`, or fewer where the file ends; null where there is no such file. */
  read(name: string, offset: number, length: number): Promise<Uint8Array | null>;
  /** Writes within the file or behind its end; the file is made where there is none. Throws SealError `storage-full`. */
  writeAt(name: string, offset: number, bytes: Uint8Array): Promise<void>;
  /** The whole file at once or, where that fails, the old one as it was. */
  replace(name: string, bytes: Uint8Array): Promise<void>;
  /** In the place of a file that is there. */
  rename(from: string, to: string): Promise<void>;
  /** Null where there is no such file. */
  sizeBytes(name: string): Promise<number | null>;
  /** No error where there is no such file. */
  delete(name: string): Promise<void>;
  list(): Promise<readonly string[]>;
  /** What may still be written; null where that cannot be told. */
  freeBytes(): Promise<number | null>;
  /** Runs `work` while nobody else, in no process of this app, holds the lock of this name. */
  withLock<T>(name: string, work: () => Promise<T>): Promise<T>;
}
