/** The HTTPS API as calls; docs/protocol.md says what each means. */
import { ApiError, apiErrorOf } from './api-error.ts';

export interface ApiOptions {
  /** Such as `https://models.example.com`. */
  readonly baseUrl: string;
  /** A current user token of the identity provider; asked for at each call. */
  readonly userToken: () => Promise<string>;
  readonly fetch?: typeof globalThis.fetch;
}

export type ChallengePurpose =
  | 'device.enroll'
  | 'model.grant'
  | 'licence.renew'
  | 'events'
  | 'device.retire'
  | 'user.erase';

export interface ErasureAnswer {
  readonly requestedAt: string;
  /** Null while it is carried out. */
  readonly completedAt: string | null;
  /** No device of this user is enrolled before. */
  readonly enrolAgainAt: string;
}

export interface GrantAnswer {
  readonly grantId: string;
  readonly url: string;
  readonly urlExpiresAt: string;
  readonly sizeBytes: number;
  readonly sealedKey: { readonly suite: string; readonly enc: string; readonly ct: string };
  readonly manifest: string;
  readonly licence: string;
}

export interface ModelListing {
  readonly modelId: string;
  readonly personal: boolean;
  readonly latest: string;
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

/** Each call throws ApiError for a refusal, and for no answer with the code `unreachable` and status 0. */
export class ApiClient {
  readonly #options: ApiOptions;
  readonly #fetch: typeof globalThis.fetch;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#fetch = options.fetch ?? globalThis.fetch;
  }

  async challenge(purpose: ChallengePurpose): Promise<string> {
    const answer = await this.#call<{ challenge: string }>('POST', '/v1/challenges', { purpose });
    return answer.challenge;
  }

  enrol(
    clientData: string,
    attestation: Readonly<Record<string, unknown>>,
  ): Promise<{ deviceId: string; assurance: string }> {
    return this.#call('POST', '/v1/devices', { clientData, attestation });
  }

  grant(modelId: string, request: ProvenRequest): Promise<GrantAnswer> {
    return this.#call('POST', `/v1/models/${encodeURIComponent(modelId)}/grants`, request);
  }

  renew(grantId: string, request: ProvenRequest): Promise<{ licence: string }> {
    const path = `/v1/licences/${encodeURIComponent(grantId)}/renewals`;
    return this.#call('POST', path, request);
  }

  report(request: ProvenRequest): Promise<{ accepted: number; erase: readonly string[] }> {
    return this.#call('POST', '/v1/events', request);
  }

  /** Retires a device of this user. */
  retire(deviceId: string, request: ProvenRequest): Promise<{ deviceId: string }> {
    return this.#call('DELETE', `/v1/devices/${encodeURIComponent(deviceId)}`, request);
  }

  /** Has everything about this user erased; a user without devices needs no proof. */
  erase(
    request: Pick<ProvenRequest, 'clientData'> & Partial<ProvenRequest>,
  ): Promise<ErasureAnswer> {
    return this.#call('DELETE', '/v1/me', request);
  }

  /** Everything that is held about this user. */
  exportMe(): Promise<Readonly<Record<string, unknown>>> {
    return this.#call('GET', '/v1/me');
  }

  async models(): Promise<readonly ModelListing[]> {
    const answer = await this.#call<{ models: readonly ModelListing[] }>('GET', '/v1/models');
    return answer.models;
  }

  /** The sealed bytes behind a signed URL, from `start` on; the URL alone opens nothing. */
  async download(url: string, start = 0, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#fetch(url, {
      ...(start > 0 && { headers: { Range: `bytes=${start}-` } }),
      ...(signal && { signal }),
    }).catch(unreachable);
    const expected = start > 0 ? 206 : 200;
    if (response.status !== expected || !response.body) {
      throw new ApiError('download_refused', response.status);
    }
    return response.body;
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#fetch(new URL(path, this.#options.baseUrl), {
      method,
      headers: {
        Authorization: `Bearer ${await this.#options.userToken()}`,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }).catch(unreachable);
    if (!response.ok) throw await apiErrorOf(response);
    return (await response.json()) as T;
  }
}

function unreachable(cause: unknown): never {
  throw new ApiError('unreachable', 0, { advice: 'retry', cause });
}
