/** What lies beside a stored model: its tokens and the clock's memory, sealed, and its wrapped key. */
import { concat, utf8 } from '../../../functions/protocol/bytes.ts';
import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import { fromBase64url, toBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import { deriveKey } from '../../../functions/protocol/key-schedule.ts';
import { openCell, sealCell } from '../../../functions/protocol/secure-cell.ts';
import type { HardwareKey } from './hardware-key.ts';
import { usable } from './storage-errors.ts';

/** How to go on with a copy that is not complete. */
export interface PendingDelivery {
  /** Of the delivered container, base64url. */
  readonly fileKey: string;
  readonly weightsKey: string;
  readonly url: string;
  readonly sizeBytes: number;
  /** The copy that it is a patch of. */
  readonly base?: string;
}

export interface ModelRecord {
  readonly manifest: string;
  readonly licence: string;
  /** The latest time this device has seen, in milliseconds since 1970. */
  readonly seenMs: number;
  /** When the app last opened it, by the same clock; absent where it has not yet. */
  readonly openedMs?: number;
  /** What was asked for: `latest`, or a version. */
  readonly asked: string;
  readonly delivery?: PendingDelivery;
}

/** The content of a sealed file: of a copy where nothing else is said. */
export interface LoadedRecord<T = ModelRecord> {
  readonly record: T;
  /** Overwrite it after use. */
  readonly storageKey: Uint8Array;
  readonly wrappedKey: Uint8Array;
}

/**
 * The file of a record. It is sealed under a key that the storage key gives, and bound to its name and
 * with that to its account: no part of it can be changed, moved to another model or opened for another
 * user.
 */
export async function encodeRecord<T>(
  crypto: SealingCrypto,
  name: string,
  { record, storageKey, wrappedKey }: LoadedRecord<T>,
): Promise<Uint8Array> {
  const key = await deriveKey(crypto, storageKey, 'storage record');
  const cell = await sealCell(crypto, key, contextOf(name), utf8(JSON.stringify(record)));
  key.fill(0);
  const sealed = toBase64url(concat(...cell));
  return utf8(JSON.stringify({ v: 2, wrappedKey: toBase64url(wrappedKey), sealed }));
}

/**
 * Throws `storage-corrupt` for anything but what `encodeRecord` made under this hardware key for this
 * name, and `key-unavailable` where the key cannot be used now.
 */
export async function decodeRecord<T = ModelRecord>(
  crypto: SealingCrypto,
  name: string,
  bytes: Uint8Array,
  hardwareKey: HardwareKey,
): Promise<LoadedRecord<T>> {
  const file = parseJson(bytes);
  const wrappedKey = bytesOf(file['wrappedKey']);
  const sealed = bytesOf(file['sealed']);
  if (file['v'] !== 2 || !wrappedKey || !sealed) throw corrupt();
  const storageKey = await usable(() => hardwareKey.unwrap(wrappedKey));
  const key = await deriveKey(crypto, storageKey, 'storage record');
  const opened = await openCell(crypto, key, contextOf(name), sealed);
  key.fill(0);
  // Whatever opens was written by this code.
  if (opened) return { record: parseJson(opened) as T, storageKey, wrappedKey };
  storageKey.fill(0);
  throw corrupt();
}

const contextOf = (name: string) => utf8(`modelseal/1 record ${name}`);

const corrupt = () => new SealError('storage-corrupt', 'record');

const bytesOf = (text: unknown) => (typeof text === 'string' ? fromBase64url(text) : null);

function parseJson(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {}
  throw corrupt();
}
