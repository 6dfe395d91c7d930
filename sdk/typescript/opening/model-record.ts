/** What lies beside a stored model: its tokens and the clock's memory, sealed, and its wrapped key. */
import { z } from 'zod';
import { concat, utf8 } from '../../../functions/protocol/bytes.ts';
import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import { fromBase64url, toBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import { deriveKey } from '../../../functions/protocol/key-schedule.ts';
import { openCell, sealCell } from '../../../functions/protocol/secure-cell.ts';
import type { HardwareKey } from './hardware-key.ts';

const fileSchema = z.strictObject({
  v: z.literal(1),
  wrappedKey: z.string().max(4096),
  sealed: z.string(),
});

const recordSchema = z.strictObject({
  manifest: z.string(),
  licence: z.string(),
  /** The latest time this device has seen, in milliseconds since 1970. */
  seenMs: z.number(),
});
export type ModelRecord = z.infer<typeof recordSchema>;

/**
 * The record file of a model. It is sealed under a key that the storage key gives, and bound to its
 * id, so that no part of it can be changed or moved to another model.
 */
export async function encodeRecord(
  crypto: SealingCrypto,
  id: string,
  record: ModelRecord,
  { storageKey, wrappedKey }: { readonly storageKey: Uint8Array; readonly wrappedKey: Uint8Array },
): Promise<Uint8Array> {
  const key = await deriveKey(crypto, storageKey, 'storage record');
  const cell = await sealCell(crypto, key, recordContext(id), utf8(JSON.stringify(record)));
  key.fill(0);
  const sealed = toBase64url(concat(...cell));
  return utf8(JSON.stringify({ v: 1, wrappedKey: toBase64url(wrappedKey), sealed }));
}

/** Throws `storage-corrupt` for anything but what `encodeRecord` made under this hardware key for this id. */
export async function decodeRecord(
  crypto: SealingCrypto,
  id: string,
  bytes: Uint8Array,
  hardwareKey: HardwareKey,
): Promise<{
  readonly record: ModelRecord;
  readonly storageKey: Uint8Array;
  readonly wrappedKey: Uint8Array;
}> {
  try {
    const file = fileSchema.parse(parseJson(bytes));
    const wrappedKey = fromBase64url(file.wrappedKey) ?? new Uint8Array();
    const storageKey = await hardwareKey.unwrap(wrappedKey);
    const key = await deriveKey(crypto, storageKey, 'storage record');
    const sealed = fromBase64url(file.sealed) ?? new Uint8Array();
    const opened = await openCell(crypto, key, recordContext(id), sealed);
    key.fill(0);
    if (!opened) throw new SealError('storage-corrupt', 'record');
    return { record: recordSchema.parse(parseJson(opened)), storageKey, wrappedKey };
  } catch (cause) {
    throw new SealError('storage-corrupt', 'record', { cause });
  }
}

const recordContext = (id: string) => utf8(`modelseal/1 record ${id}`);

const parseJson = (bytes: Uint8Array): unknown =>
  JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
