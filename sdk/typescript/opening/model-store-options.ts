import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import type { VerificationKey } from '../../../functions/protocol/jws.ts';
import type { HardwareKey } from './hardware-key.ts';
import type { ModelStorage } from './model-storage.ts';

/** What a ModelStore is made of. */
export interface ModelStoreOptions {
  readonly crypto: SealingCrypto;
  /** The app's private folder. */
  readonly storage: ModelStorage;
  /** Wraps the storage key of each model. */
  readonly hardwareKey: HardwareKey;
  /**
   * The publisher's and the licence keys, pinned in the app at build time: of each purpose the one that
   * signs and those that are announced, so that the app works on when they are rotated.
   */
  readonly pinnedKeys: readonly VerificationKey[];
  /** Whoever is signed in, by any name that stays: copies of one account open for no other. */
  readonly account: string;
}
