/** From one random key to the keys of a container's two layers (HKDF-SHA-256, RFC 5869). */
import { concat, utf8 } from './bytes.ts';
import type { SealingCrypto } from './crypto.ts';

export const CONTENT_KEY_BYTES = 32;

/** Where a container lies. Each has its own keys, so that no container passes for another's. */
export type Purpose = 'vault' | 'delivery' | 'storage';

export interface ContainerKeys {
  /** Seals the chunks of the file. */
  readonly fileKey: Uint8Array;
  /** Imprints the weight layers inside. */
  readonly weightsKey: Uint8Array;
}

/** Both keys of a container whose one random key is `root`. */
export async function deriveKeys(
  crypto: SealingCrypto,
  root: Uint8Array,
  purpose: Purpose,
): Promise<ContainerKeys> {
  return {
    fileKey: await deriveKey(crypto, root, `${purpose} file`),
    weightsKey: await deriveKey(crypto, root, `${purpose} weights`),
  };
}

/** One key of 32 bytes for one use: HKDF with an empty salt and the info `modelseal/1 <use>`. */
export async function deriveKey(
  crypto: SealingCrypto,
  root: Uint8Array,
  use: string,
): Promise<Uint8Array> {
  const prk = await crypto.hmacSha256(new Uint8Array(32), root);
  // One block of HKDF-Expand is all that a 32-byte key takes.
  const info = concat(utf8(`modelseal/1 ${use}`), new Uint8Array([1]));
  const key = await crypto.hmacSha256(prk, info);
  prk.fill(0);
  return key;
}

export function wipe(keys: ContainerKeys): void {
  keys.fileKey.fill(0);
  keys.weightsKey.fill(0);
}
