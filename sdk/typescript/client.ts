/**
 * The client: enrols the device, asks for models, reports events. It is the only thing an app
 * talks to; models come out of it opened, and nothing else does.
 */

import { type SealingCrypto, sha256 } from '../../functions/protocol/crypto.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { generateRecipientKey, type RecipientKey } from '../../functions/protocol/hpke.ts';
import type { RolloutDevice } from '../../functions/protocol/rollout.ts';
import type { SuiteName } from '../../functions/protocol/suites.ts';
import type {
  ApiClient,
  ChallengePurpose,
  ErasureAnswer,
  GrantAnswer,
  ProvenRequest,
  Renewal,
  ReportAnswer,
} from './api/api-client.ts';
import { ApiError } from './api/api-error.ts';
import { DEFAULT_RETRY, type RetryPolicy, SPENT_CHALLENGE, withRetry } from './api/retry.ts';
import { type ClientEvent, completeEvent } from './events.ts';
import { answered } from './opening/storage-errors.ts';
import {
  type DevicePlatform,
  type Enrolment,
  type EnrolmentStore,
  KeyLostError,
  PlatformBusyError,
} from './platform.ts';

/** What a {@link ModelSealClient} is made of. */
export interface ClientOptions {
  readonly api: ApiClient;
  /** The phone: its attested key and the app's identity. */
  readonly platform: DevicePlatform;
  /** Where the enrolment is remembered between starts of the app. */
  readonly enrolments: EnrolmentStore;
  /** `nodeCrypto`, or `opensslCrypto` around a native module. */
  readonly crypto: SealingCrypto;
  /** Makes the ephemeral key of one grant: in the Secure Enclave or Keystore where that can be. */
  readonly createRecipientKey?: (suite: SuiteName) => Promise<RecipientKey>;
  /** The HPKE suite asked for; `P256-HKDF-SHA256-AES256GCM` where absent. */
  readonly suite?: SuiteName;
  /** What is tried again, and how long; {@link DEFAULT_RETRY} where absent. */
  readonly retry?: RetryPolicy;
  /** The time of events that have none; the system clock where absent. */
  readonly now?: () => Date;
}

/** A grant with the key that opens it; the key is good for this grant only. */
export interface Grant extends GrantAnswer {
  readonly deviceId: string;
  /** As it was asked for: by this the publisher's record says which version is its own. */
  readonly device: RolloutDevice;
  readonly recipientKey: RecipientKey;
}

/** Refusals that a new attested key remedies. */
const REENROL: ReadonlySet<string> = new Set(['device_unknown', 'reattestation_required']);

/** Licences begin two minutes before they are issued (functions/grants/licence-terms.ts). */
const MAX_BEHIND_MS = 2 * 60_000;
/** Further than people set their clocks ahead on purpose, and less than licences last. */
const MAX_AHEAD_MS = 60 * 60_000;

const hasCode = (error: unknown, codes: ReadonlySet<string>): boolean =>
  error instanceof ApiError && codes.has(error.code);

const needsAnotherKey = (error: unknown): boolean =>
  error instanceof KeyLostError || hasCode(error, SPENT_CHALLENGE);

/** A key that stays busy through all retries is as good as lost: a new one must not be out of reach. */
const isKeyUnusable = (error: unknown): boolean =>
  error instanceof KeyLostError || error instanceof PlatformBusyError || hasCode(error, REENROL);

/**
 * The service, as one device sees it: enrolment, grants, licences, reports. Every call proves itself
 * with the device's attested key, enrols first where there is none, and enrols again, once, where the
 * key is lost or unknown. Transient refusals are retried with a fresh challenge and proof.
 *
 * @example
 * const client = new ModelSealClient({ api, platform, enrolments, crypto: nodeCrypto });
 * const grant = await client.grant('smile', '2.1.0');
 * console.log(grant.urlExpiresAt, grant.sizeBytes);
 */
export class ModelSealClient {
  readonly #options: ClientOptions;
  readonly #retry: RetryPolicy;
  #enrolling: Promise<Enrolment> | undefined;

  /** @param options Nothing is loaded or sent before the first call. */
  constructor(options: ClientOptions) {
    this.#options = { ...options, enrolments: answering(options.enrolments) };
    this.#retry = options.retry ?? DEFAULT_RETRY;
  }

  /**
   * Enrols with a new attested key, also where the device was enrolled before. The other calls do
   * this by themselves. A key that the platform rejects, and a challenge that was spent or over before
   * the answer came, cost one more try with another key.
   *
   * @returns The device's id and the handle of its key, as they were saved in `enrolments`.
   * @throws {ApiError} `attestation_failed` and the other refusals of `POST /v1/devices`.
   * @throws {KeyLostError} or {PlatformBusyError}, where the platform attests no key.
   */
  enrol(): Promise<Enrolment> {
    // Several calls at once are of one mind: the device is enrolled once for all of them.
    this.#enrolling ??= this.#enrolAnew().finally(() => {
      this.#enrolling = undefined;
    });
    return this.#enrolling;
  }

  /**
   * Enrols where the device is not enrolled yet.
   *
   * @returns The device's id and the handle of its key.
   * @throws {ApiError} The refusals of `POST /v1/devices`.
   */
  async ensureEnrolled(): Promise<Enrolment> {
    return (await this.#options.enrolments.load()) ?? this.enrol();
  }

  /**
   * Throws `clock_wrong` where a licence of now would not hold on this device: its clock is two minutes
   * behind the service's, or an hour ahead.
   *
   * @throws {ApiError} `clock_wrong`, with `serverTime`.
   */
  requireClock(): void {
    const { clockAheadMs } = this.#options.api;
    if (clockAheadMs > MAX_BEHIND_MS || clockAheadMs < -MAX_AHEAD_MS) throw this.clockWrong();
  }

  /**
   * What to throw where the clock is the reason.
   *
   * @param cause What showed it.
   */
  clockWrong(cause?: unknown): ApiError {
    const now = this.#options.now?.() ?? new Date();
    const serverTime = new Date(now.getTime() + this.#options.api.clockAheadMs);
    return new ApiError('clock_wrong', 0, { serverTime, cause });
  }

  async #enrolAnew(): Promise<Enrolment> {
    const { enrolments } = this.#options;
    const replaces = (await enrolments.load())?.deviceId;
    const enrolment = await this.#enrolOnce(replaces).catch((error: unknown) => {
      if (!needsAnotherKey(error)) throw error;
      return this.#enrolOnce(replaces);
    });
    await enrolments.save(enrolment);
    return enrolment;
  }

  /** Each step is retried by itself, since a platform wants the same key and the same hash again. */
  async #enrolOnce(replaces: string | undefined): Promise<Enrolment> {
    const { api, platform } = this.#options;
    const { platform: name, appId, appVersion } = platform;
    const challenge = await withRetry(this.#retry, () => api.challenge('device.enroll'));
    const data = { type: 'device.enroll', challenge, platform: name, appId, appVersion, replaces };
    const { clientData, hash, json } = this.#encode(data);
    const { keyHandle, attestation } = await withRetry(this.#retry, () =>
      onPlatform(() => platform.createAttestedKey(hash, json)),
    );
    const asItIs = { ...this.#retry, except: SPENT_CHALLENGE };
    const { deviceId } = await withRetry(asItIs, () => api.enrol(clientData, attestation));
    return { deviceId, keyHandle };
  }

  /**
   * A grant for a version of a model. Apps use {@link ProtectedModels.get}, which also opens it.
   *
   * @param modelId The model's id in the catalogue.
   * @param version A version, or `latest`.
   * @param base The grant of a complete copy of the model on this device, of which a patch may come.
   * @returns The answer of the service with the key that opens it. Its URL ends within minutes.
   * @throws {ApiError} `blocked`, `model_unknown`, `quota_exceeded`, `rate_limited` and the others.
   */
  async grant(modelId: string, version = 'latest', base?: string): Promise<Grant> {
    const suite = this.#options.suite ?? 'P256-HKDF-SHA256-AES256GCM';
    const { traits } = this.#options.platform;
    const createRecipientKey = this.#options.createRecipientKey ?? generateRecipientKey;
    return this.#enrolled((enrolment) =>
      withRetry(this.#retry, async () => {
        const recipientKey = await createRecipientKey(suite);
        const request = await this.#proven(enrolment, 'model.grant', {
          type: 'model.grant',
          modelId,
          version,
          recipientKey: toBase64url(recipientKey.publicKey),
          suite,
          ...(traits && { traits }),
          base,
        });
        const answer = await this.#options.api.grant(modelId, request);
        const { deviceId } = enrolment;
        return { ...answer, deviceId, device: this.#deviceOf(deviceId), recipientKey };
      }),
    );
  }

  /** This device as rollouts know it; undefined before it has enrolled. */
  async rolloutDevice(): Promise<RolloutDevice | undefined> {
    const enrolment = await this.#options.enrolments.load();
    return enrolment && this.#deviceOf(enrolment.deviceId);
  }

  #deviceOf(deviceId: string): RolloutDevice {
    const { platform, appVersion, traits } = this.#options.platform;
    return { deviceId, platform, appVersion, ...traits };
  }

  /**
   * A new licence for a copy that lies on this device; nothing is downloaded.
   *
   * @param grantId The copy's grant.
   * @param digest SHA-256 of the model in the clear, base64url: `sha256` of the licence.
   * @returns The licence and its nonce, for {@link ModelStore.renew}, and the model's release record.
   * @throws {ApiError} `grant_unknown` or `model_unknown` where the copy shall not live on.
   */
  async renew(grantId: string, digest: string): Promise<Renewal> {
    return this.#enrolled((enrolment) =>
      withRetry(this.#retry, async () => {
        const nonce = toBase64url(this.#options.crypto.randomBytes(16));
        const data = { type: 'licence.renew', grantId, digest, nonce };
        const request = await this.#proven(enrolment, 'licence.renew', data);
        return { ...(await this.#options.api.renew(grantId, request)), nonce };
      }),
    );
  }

  /**
   * Sends events and says which copies lie on this device. Events that were not accepted may be sent
   * again as they are: their ids make a repetition harmless.
   *
   * @param events At most 100.
   * @param held Grant ids of the copies here, at most 64.
   * @returns Among others the grant ids of the copies that were revoked and must be erased here.
   * @throws {ApiError} Nothing was accepted.
   */
  async report(
    events: readonly ClientEvent[],
    held: readonly string[] = [],
  ): Promise<ReportAnswer> {
    const now = this.#options.now?.() ?? new Date();
    const completed = events.map((event) => completeEvent(event, now, this.#options.crypto));
    return this.#enrolled((enrolment) =>
      withRetry(this.#retry, async () => {
        const data = { type: 'events', events: completed, held };
        const request = await this.#proven(enrolment, 'events', data);
        return this.#options.api.report(request);
      }),
    );
  }

  /**
   * Retires this device: it gets nothing more, and its enrolment is forgotten here. A device that
   * the cloud does not know any more, or whose key is lost, is as good as retired.
   *
   * @throws {ApiError} The device is not retired, and its enrolment kept.
   */
  async retireDevice(): Promise<void> {
    const { api, enrolments } = this.#options;
    const enrolment = await enrolments.load();
    if (!enrolment) return;
    const { deviceId } = enrolment;
    try {
      await withRetry(this.#retry, async () => {
        const data = { type: 'device.retire', target: deviceId };
        await api.retire(deviceId, await this.#proven(enrolment, 'device.retire', data));
      });
    } catch (error) {
      const gone = error instanceof ApiError && error.code === 'device_unknown';
      if (!gone && !(error instanceof KeyLostError)) throw error;
    }
    await enrolments.clear();
  }

  /**
   * Vouches for another device of this user's, which then counts at once.
   *
   * @param target Its id, as the answer to a report names it.
   * @throws {ApiError} `device_unknown` where it is not the user's, or gone; `device_unapproved` where
   *   this device does not count itself.
   */
  async approveDevice(target: string): Promise<void> {
    await this.#aboutOther('device.approve', target, (request) =>
      this.#options.api.approve(target, request),
    );
  }

  /**
   * Retires another device of this user's, such as a lost one or one that is not his.
   *
   * @param target Its id.
   * @throws {ApiError} `device_unknown` where it is not the user's, or gone already.
   */
  async retireOther(target: string): Promise<void> {
    await this.#aboutOther('device.retire', target, (request) =>
      this.#options.api.retire(target, request),
    );
  }

  /** Enrols nothing anew: `device_unknown` is of the other, and a new key would have no say. */
  async #aboutOther(
    type: 'device.approve' | 'device.retire',
    target: string,
    ask: (request: ProvenRequest) => Promise<unknown>,
  ): Promise<void> {
    const enrolment = await this.ensureEnrolled();
    await withRetry(this.#retry, async () =>
      ask(await this.#proven(enrolment, type, { type, target })),
    );
  }

  /**
   * Has everything about this user erased, with a proof where this device is enrolled, and forgets
   * its enrolment.
   *
   * @returns When it was asked for and carried out, and from when on the user may enrol again.
   * @throws {ApiError} `proof_invalid` where another device of the user's must ask, or this one after
   *   enrolling.
   */
  async eraseMe(): Promise<ErasureAnswer> {
    const { api, enrolments } = this.#options;
    const enrolment = await enrolments.load();
    const answer = await withRetry(this.#retry, async () => {
      if (enrolment) {
        return api.erase(await this.#proven(enrolment, 'user.erase', { type: 'user.erase' }));
      }
      const challenge = await api.challenge('user.erase');
      return api.erase({ clientData: this.#encode({ type: 'user.erase', challenge }).clientData });
    });
    await enrolments.clear();
    return answer;
  }

  /** Runs `work` as the enrolled device; where its key is lost, rejected or unknown, enrols anew, once. */
  async #enrolled<T>(work: (enrolment: Enrolment) => Promise<T>): Promise<T> {
    const known = await this.#options.enrolments.load();
    if (!known) return work(await this.enrol());
    try {
      return await work(known);
    } catch (error) {
      if (!isKeyUnusable(error)) throw error;
      // Somebody else may have enrolled meanwhile: another call, or another process of the app.
      const current = await this.#options.enrolments.load();
      const isOther = current && current.deviceId !== known.deviceId;
      return work(isOther ? current : await this.enrol());
    }
  }

  /** Client data with a fresh challenge, and the device's proof over its exact bytes. */
  async #proven(
    { deviceId, keyHandle }: Enrolment,
    purpose: ChallengePurpose,
    data: Readonly<Record<string, unknown>>,
  ): Promise<ProvenRequest> {
    const { api, platform } = this.#options;
    const challenge = await api.challenge(purpose);
    if (purpose === 'model.grant') this.requireClock();
    const { appVersion } = platform;
    const { clientData, hash, json } = this.#encode({ ...data, challenge, deviceId, appVersion });
    const proof = await onPlatform(() => platform.prove(keyHandle, hash, json));
    return { clientData, proof };
  }

  #encode(data: Readonly<Record<string, unknown>>) {
    const json = JSON.stringify(data);
    const bytes = new TextEncoder().encode(json);
    return { clientData: toBase64url(bytes), hash: sha256(this.#options.crypto, bytes), json };
  }
}

/** A keychain that does not answer says nothing of the enrolment: nothing is enrolled anew for it. */
function answering(enrolments: EnrolmentStore): EnrolmentStore {
  return {
    load: () => answered(() => enrolments.load()),
    save: (enrolment) => answered(() => enrolments.save(enrolment)),
    clear: () => answered(() => enrolments.clear()),
  };
}

/** Whatever else a platform throws: it does not attest now. */
async function onPlatform<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const isKnown = cause instanceof KeyLostError || cause instanceof PlatformBusyError;
    if (isKnown || cause instanceof ApiError) throw cause;
    throw new ApiError('attestation_unavailable', 0, { cause });
  }
}
