/** `@modelseal/client`: models that open for one user, on one device, for one use. */

export type { SealingCrypto } from '../../functions/protocol/crypto.ts';
export { SealError, type SealErrorCode } from '../../functions/protocol/errors.ts';
export type { RaspSignal } from '../../functions/protocol/event-schema.ts';
export { generateRecipientKey, type RecipientKey } from '../../functions/protocol/hpke.ts';
export type { VerificationKey } from '../../functions/protocol/jws.ts';
export type { Licence } from '../../functions/protocol/licence.ts';
export type { Manifest, ManifestLayer } from '../../functions/protocol/manifest.ts';
export { opensslCrypto } from '../../functions/protocol/openssl-crypto.ts';
export type { SuiteName } from '../../functions/protocol/suites.ts';
export {
  ApiClient,
  type ApiOptions,
  type ErasureAnswer,
  type GrantAnswer,
  type ModelListing,
  type Renewal,
  type RenewalAnswer,
  type ReportAnswer,
  type WaitingDevice,
} from './api/api-client.ts';
export { type Advice, ApiError } from './api/api-error.ts';
export { DEFAULT_RETRY, type RetryPolicy } from './api/retry.ts';
export { type ClientOptions, ModelSealClient } from './client.ts';
export type { ClientEvent } from './events.ts';
export type { HardwareKey } from './opening/hardware-key.ts';
export type { ModelStorage } from './opening/model-storage.ts';
export { ModelStore } from './opening/model-store.ts';
export type { ModelStoreOptions } from './opening/model-store-options.ts';
export type { StoredModel } from './opening/stored-model.ts';
export {
  type AttestedKey,
  type DevicePlatform,
  type Enrolment,
  type EnrolmentStore,
  KeyLostError,
  memoryEnrolmentStore,
  PlatformBusyError,
} from './platform.ts';
export { type GetOptions, ProtectedModels } from './protected-models.ts';
export type { ProtectedModelsOptions, UpdatePolicy } from './protected-models-options.ts';
