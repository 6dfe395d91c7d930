/** What an HTTP function is made of; pipeline.ts runs it. */
import type { ZodType } from 'zod';
import { parseOrRefuse } from '../validation.ts';
import type { Caller } from './callers.ts';

export interface ApiRequest<Body = unknown> extends Caller {
  readonly requestId: string;
  /** Values of the `:name` segments of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly header: (name: string) => string | undefined;
  readonly body: Body;
  readonly now: Date;
}

export interface ApiResponse {
  readonly status: number;
  /** Sent as JSON; absent for an empty response. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface EndpointBase<Body, Services> {
  /** Whether the call needs a valid user token; without one, the request names nobody. */
  readonly user: boolean;
  /** Whether its answer brings a challenge for a grant: what a phone is likely to ask for next. */
  readonly nextChallenge?: true;
  /** A larger body is refused with body_too_large; 16 KiB unless told. */
  readonly maxBodyBytes?: number;
  readonly handle: (request: ApiRequest<Body>, services: Services) => Promise<ApiResponse>;
}

/** `Services` are what its handler takes of a function's. */
export interface Endpoint<Services, Body = unknown> extends EndpointBase<Body, Services> {
  /** Absent where the call takes no body. */
  readonly body?: {
    readonly schema: ZodType<Body>;
    /** Throws request_invalid. */
    readonly read: (value: unknown) => Body;
  };
}

/** Endpoints by `METHOD /path/template`. */
export type EndpointTable<Services> = Readonly<Record<string, Endpoint<Services>>>;

/** An endpoint that takes a body: ties the type of the handler's body to its schema. */
export function endpoint<Body, Services>({
  body: schema,
  ...rest
}: EndpointBase<Body, Services> & { readonly body: ZodType<Body> }): Endpoint<Services> {
  const body = { schema, read: (value: unknown) => parseOrRefuse(schema, value) };
  const tied: Endpoint<Services, Body> = { ...rest, body };
  return tied as Endpoint<Services>;
}
