/** The app's private storage: files by name. What is written to it is encrypted already. */
export interface ModelStorage {
  /** The whole file or, where `bytes` throws, none; an older file of this name is replaced. */
  write(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /** `length` bytes from `offset`, or fewer where the file ends; null where there is no such file. */
  read(name: string, offset: number, length: number): Promise<Uint8Array | null>;
  /** Null where there is no such file. */
  sizeBytes(name: string): Promise<number | null>;
  /** No error where there is no such file. */
  delete(name: string): Promise<void>;
  list(): Promise<readonly string[]>;
}
