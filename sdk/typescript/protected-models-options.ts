import type { SealingCrypto } from '../../functions/protocol/crypto.ts';
import type { VerificationKey } from '../../functions/protocol/jws.ts';
import type { ApiClient } from './api/api-client.ts';
import type { ModelSealClient } from './client.ts';
import type { ModelStore } from './opening/model-store.ts';

/**
 * When a newer version takes the place of the copy that is there. `now`: `get` asks for the newest
 * first, and goes on with the copy where nobody answers. `nextLaunch`: `refresh` fetches it beside the
 * copy, which these models go on to open. `wifi`: the same, while `isUnmetered` says so.
 */
export type UpdatePolicy = 'now' | 'nextLaunch' | 'wifi';

/** What ProtectedModels is made of. */
export interface ProtectedModelsOptions {
  readonly api: ApiClient;
  readonly client: ModelSealClient;
  readonly store: ModelStore;
  /** The same as the client's and the store's. */
  readonly crypto: SealingCrypto;
  /** The publisher's and the licence keys, pinned in the app at build time. */
  readonly pinnedKeys: readonly VerificationKey[];
  /** The time by which licences are judged; the system clock where absent. */
  readonly now?: () => Date;
  /** `nextLaunch` where absent. */
  readonly updates?: UpdatePolicy;
  /** Whether large downloads cost the user nothing now; where absent, `wifi` fetches nothing. */
  readonly isUnmetered?: () => boolean;
}
