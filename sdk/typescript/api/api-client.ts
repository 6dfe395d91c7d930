/** The HTTPS API as calls; docs/mobile/protocol.md says what each means. */
import { type AnswerKind, requireAnswer } from './answers.ts';
import { ApiError, apiErrorOf } from './api-error.ts';
import { piecesOf, requireDelivery, withoutFirst } from './delivery-body.ts';
import { Exchange } from './exchange.ts';
import { NextChallenge } from './next-challenge.ts';

/** Where the service is and who calls. */
export interface ApiOptions {
  /** Such as `https://models.example.com`. */
  readonly baseUrl: string;
  /** A current user token of the identity provider; asked for at each call. */
  /** Called once more with `forceRefresh` where the service refused the last token: give a new one then. */
  readonly userToken: (options: { readonly forceRefresh: boolean }) => Promise<string>;
  /** The device's clock; the system's where absent. */
  readonly now?: () => Date;
  /** With streaming bodies, as `expo/fetch` has them; the global one where absent. */
  readonly fetch?: typeof globalThis.fetch;
  /** How long nothing may come before the network counts as silent; half a minute where absent. */
  readonly silenceMs?: number;
}

const SILENCE_MS = 30_000;

/** What a challenge is for; it is good for nothing else. */
export type ChallengePurpose =
  | 'device.enroll'
  | 'model.grant'
  | 'licence.renew'
  | 'events'
  | 'device.retire'
  | 'user.erase'
  | 'device.approve';

/** How far the erasure of a user's data is; times are ISO 8601 in UTC. */
export interface ErasureAnswer {
  readonly requestedAt: string;
  /** Null while it is carried out. */
  readonly completedAt: string | null;
  /** No device of this user is enrolled before. */
  readonly enrolAgainAt: string;
  /** Until then it stays counted how much the user took, not what: to tell him. Absent of an older backend. */
  readonly countKeptUntil?: string;
}

/** A device that came to this user's others and does not count yet. */
export interface WaitingDevice {
  readonly deviceId: string;
  /** From when on it counts without anybody's word; ISO 8601 in UTC. */
  readonly approvedFrom: string;
}

/** What the service answers to a report. */
export interface ReportAnswer {
  readonly accepted: number;
  /** Grant ids of copies to be erased. */
  readonly erase: readonly string[];
  /** Devices for this one to approve or to retire; absent of an older backend. */
  readonly provisional?: readonly WaitingDevice[];
}

/** A model sealed for one use on one device. */
export interface GrantAnswer {
  readonly grantId: string;
  /** Signed; good for minutes. */
  readonly url: string;
  /** ISO 8601 in UTC. */
  readonly urlExpiresAt: string;
  /** Of the download. */
  readonly sizeBytes: number;
  /** The content key by HPKE, for the recipient key that was sent; base64url. */
  readonly sealedKey: { readonly suite: string; readonly enc: string; readonly ct: string };
  /** JWS of the publisher: what the model is. */
  readonly manifest: string;
  /** JWS of the service: who may open this copy, and until when. */
  readonly licence: string;
  /** JWS of the publisher: which versions of the model are on offer. */
  readonly release: string;
  /** Where the download is a patch: the copy that it starts from, as it was asked for. */
  readonly base?: string;
}

/** A longer life for a copy. */
export interface RenewalAnswer {
  /** JWS of the service: who may open this copy, and until when. */
  readonly licence: string;
  /** JWS of the publisher: which versions of its model are on offer. */
  readonly release: string;
}

/** A renewal with what binds it to its request. */
export interface Renewal extends RenewalAnswer {
  /** What the licence has to repeat. */
  readonly nonce: string;
}

/** A model that this user may ask for. */
export interface ModelListing {
  readonly modelId: string;
  readonly personal: boolean;
  readonly latest: string;
  /** JWS of the publisher: which versions are on offer. */
  readonly release: string;
  readonly versions: readonly {
    readonly version: string;
    readonly format: string;
    readonly sizeBytes: number;
    readonly publishedAt: string;
  }[];
}

/** What goes with a request: the exact bytes that were proven, and the proof. */
export interface ProvenRequest {
  /** Base64url of the clientData bytes. */
  readonly clientData: string;
  readonly proof: Readonly<Record<string, unknown>>;
}

/**
 * The HTTPS API, one method a call. Nothing is retried and nothing proven here: {@link ModelSealClient}
 * does both. Each call throws {@link ApiError} for a refusal, and for no answer with the code
 * `unreachable` and the status 0.
 *
 * @example
 * const api = new ApiClient({ baseUrl: 'https://models.example.com', userToken: () => auth.idToken() });
 * for (const { modelId, latest } of await api.models()) console.log(modelId, latest);
 */
export class ApiClient {
  readonly #options: ApiOptions;
  readonly #fetch: typeof globalThis.fetch;
  readonly #next: NextChallenge;
  #clockAheadMs = 0;

  /** @param options Nothing is sent before the first call. */
  constructor(options: ApiOptions) {
    this.#options = options;
    this.#fetch = options.fetch ?? globalThis.fetch;
    this.#next = new NextChallenge(() => (options.now?.() ?? new Date()).getTime());
  }

  /**
   * A challenge for one request: one that came with an earlier answer to this user, else `POST /v1/challenges`.
   *
   * @param purpose The `type` of the client data that it goes into.
   * @returns Opaque text, good once and for minutes.
   * @throws {ApiError}
   */
  async challenge(purpose: ChallengePurpose): Promise<string> {
    const kept = purpose === 'model.grant' && this.#next.take(await this.#token(false));
    if (kept) return kept;
    const path = '/v1/challenges';
    const answer = await this.#call<{ challenge: string }>('challenge', 'POST', path, { purpose });
    return answer.challenge;
  }

  /**
   * Enrols a device: `POST /v1/devices`.
   *
   * @param clientData Base64url of the bytes that the key attests.
   * @param attestation {@link AttestedKey.attestation}.
   * @returns The device's id, and how much its hardware vouches for.
   * @throws {ApiError}
   */
  enrol(
    clientData: string,
    attestation: Readonly<Record<string, unknown>>,
  ): Promise<{ deviceId: string; assurance: string }> {
    return this.#call('enrol', 'POST', '/v1/devices', { clientData, attestation });
  }

  /**
   * Has a model sealed for this device: `POST /v1/models/{modelId}/grants`.
   *
   * @param modelId The model's id in the catalogue.
   * @param request Client data of type `model.grant`.
   * @throws {ApiError}
   */
  grant(modelId: string, request: ProvenRequest): Promise<GrantAnswer> {
    return this.#call('grant', 'POST', `/v1/models/${encodeURIComponent(modelId)}/grants`, request);
  }

  /**
   * A new licence for a copy: `POST /v1/licences/{grantId}/renewals`.
   *
   * @param grantId The copy's grant.
   * @param request Client data of type `licence.renew`.
   * @throws {ApiError}
   */
  renew(grantId: string, request: ProvenRequest): Promise<RenewalAnswer> {
    const path = `/v1/licences/${encodeURIComponent(grantId)}/renewals`;
    return this.#call('renew', 'POST', path, request);
  }

  /**
   * Reports events: `POST /v1/events`.
   *
   * @param request Client data of type `events`.
   * @returns How many were accepted, the copies to be erased, and the user's devices that wait.
   * @throws {ApiError}
   */
  report(request: ProvenRequest): Promise<ReportAnswer> {
    return this.#call('report', 'POST', '/v1/events', request);
  }

  /**
   * Retires a device of this user: `DELETE /v1/devices/{deviceId}`.
   *
   * @param deviceId The device to retire; it may be another than the one that asks.
   * @param request Client data of type `device.retire`.
   * @throws {ApiError}
   */
  retire(deviceId: string, request: ProvenRequest): Promise<{ deviceId: string }> {
    return this.#call('other', 'DELETE', `/v1/devices/${encodeURIComponent(deviceId)}`, request);
  }

  /**
   * Vouches for a device of this user that does not count yet: `POST /v1/devices/{deviceId}/approvals`.
   *
   * @param deviceId The device that is vouched for.
   * @param request Client data of type `device.approve`.
   * @throws {ApiError}
   */
  approve(
    deviceId: string,
    request: ProvenRequest,
  ): Promise<{ deviceId: string; approvedAt: string }> {
    const path = `/v1/devices/${encodeURIComponent(deviceId)}/approvals`;
    return this.#call('other', 'POST', path, request);
  }

  /**
   * Has everything about this user erased: `DELETE /v1/me`.
   *
   * @param request Client data of type `user.erase`; a user without devices needs no proof.
   * @throws {ApiError}
   */
  erase(
    request: Pick<ProvenRequest, 'clientData'> & Partial<ProvenRequest>,
  ): Promise<ErasureAnswer> {
    return this.#call('erase', 'DELETE', '/v1/me', request);
  }

  /**
   * Everything that is held about this user: `GET /v1/me`.
   *
   * @throws {ApiError}
   */
  exportMe(): Promise<Readonly<Record<string, unknown>>> {
    return this.#call('other', 'GET', '/v1/me');
  }

  /**
   * The models that this user may ask for: `GET /v1/models`.
   *
   * @throws {ApiError}
   */
  async models(): Promise<readonly ModelListing[]> {
    type Listed = { readonly models: readonly ModelListing[] };
    return (await this.#call<Listed>('models', 'GET', '/v1/models')).models;
  }

  /**
   * The sealed bytes behind a signed URL; the URL alone opens nothing.
   *
   * @param url {@link GrantAnswer.url}.
   * @param start Offset in bytes: what lies before it is not given again.
   * @param signal Ends the download with the signal's reason.
   * @param sizeBytes Of the whole, where known: an answer that says otherwise is somebody else's.
   * @throws {ApiError} `url_ended`, `download_refused`, `intercepted`, `unreachable`.
   */
  async download(
    url: string,
    start = 0,
    signal?: AbortSignal,
    sizeBytes?: number,
  ): Promise<AsyncIterable<Uint8Array>> {
    const exchange = this.#exchange(signal);
    const response = await exchange.hear(
      this.#fetch(url, {
        headers: { 'Accept-Encoding': 'identity', ...(start > 0 && { Range: `bytes=${start}-` }) },
        signal: exchange.signal,
      }),
    );
    const before = requireDelivery(response, start, sizeBytes);
    return withoutFirst(piecesOf(response, exchange), before);
  }

  /** The service's clock minus this device's in milliseconds, as of its last answer; 0 before. */
  get clockAheadMs(): number {
    return this.#clockAheadMs;
  }

  async #call<T>(kind: AnswerKind, method: string, path: string, body?: unknown): Promise<T> {
    const first = await this.#send(method, path, body, false);
    const isStale = first.response.status === 401;
    const { response, exchange, token } = isStale
      ? await this.#send(method, path, body, true)
      : first;
    const answer = await this.#read<T>(kind, response, exchange);
    this.#next.note(response.headers.get('next-challenge'), token);
    return answer;
  }

  #token(forceRefresh: boolean): Promise<string> {
    return this.#options.userToken({ forceRefresh }).catch((cause: unknown) => {
      throw new ApiError('token_unavailable', 0, { cause });
    });
  }

  async #send(method: string, path: string, body: unknown, forceRefresh: boolean) {
    const token = await this.#token(forceRefresh);
    const exchange = this.#exchange();
    const response = await exchange.hear(
      this.#fetch(new URL(path, this.#options.baseUrl), {
        method,
        signal: exchange.signal,
        // A redirect is somebody else's: the service answers where it is asked.
        redirect: 'manual',
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    );
    return { response, exchange, token };
  }

  #exchange(signal?: AbortSignal): Exchange {
    return new Exchange(this.#options.silenceMs ?? SILENCE_MS, signal);
  }

  async #read<T>(kind: AnswerKind, response: Response, exchange: Exchange): Promise<T> {
    const isJson = /^application\/(?:[\w.+-]*\+)?json\b/i.test(
      response.headers.get('content-type') ?? '',
    );
    const answer = isJson ? parsed(await exchange.hear(response.text())) : undefined;
    if (answer !== undefined) this.#noteClock(response.headers.get('date'));
    if (!response.ok) throw apiErrorOf(response, answer);
    return requireAnswer(kind, answer);
  }

  #noteClock(date: string | null): void {
    const now = this.#options.now?.() ?? new Date();
    const served = Date.parse(date ?? '');
    if (!Number.isNaN(served)) this.#clockAheadMs = served - now.getTime();
  }
}

/** Undefined for what is no JSON: a page that says it is. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
