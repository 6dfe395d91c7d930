/** What an HTTP function is made of; pipeline.ts runs it. */
import type { ZodType } from 'zod';
import type { Services } from '../composition.ts';

export interface ApiRequest<Body = unknown> {
  readonly requestId: string;
  /** Values of the `:name` segments of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly header: (name: string) => string | undefined;
  readonly body: Body;
  /** The caller's pseudonym; the empty string on endpoints without a user. */
  readonly userId: string;
  /** What the user's token says of his plan; null where it says nothing, or there is no user. */
  readonly plan: string | null;
  /** Keyed hash of the caller's network; null where the address is unknown. */
  readonly network: string | null;
  readonly now: Date;
}

export interface ApiResponse {
  readonly status: number;
  /** Sent as JSON; absent for an empty response. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Endpoint<Body = unknown> {
  /** Whether the call needs a valid user token. */
  readonly user: boolean;
  /** The request body's schema; absent where the call takes none. */
  readonly body?: ZodType<Body>;
  /** Refused above with body_too_large; 16 KiB unless told. */
  readonly maxBodyBytes?: number;
  readonly handle: (request: ApiRequest<Body>, services: Services) => Promise<ApiResponse>;
}

/** Endpoints by `METHOD /path/template`. */
export type EndpointTable = Readonly<Record<string, Endpoint>>;

/** Ties the type of the handler's body to its schema. */
export function endpoint<Body>(definition: Endpoint<Body>): Endpoint {
  return definition as Endpoint;
}
