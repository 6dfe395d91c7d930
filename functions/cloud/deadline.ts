import { UpstreamError, type UpstreamService } from './upstream-error.ts';

/** A call of a cloud service: names for the error, and how long it may take. */
export interface UpstreamCall {
  readonly service: UpstreamService;
  readonly operation: string;
  readonly timeoutMs: number;
}

/**
 * The outcome of `work`, or an UpstreamError when it is not there within the call's time: the
 * clients' own deadlines do not cover connecting, authenticating and retrying.
 */
export async function withDeadline<T>(call: UpstreamCall, work: Promise<T>): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new UpstreamError(call.service, call.operation, { timedOut: true })),
    call.timeoutMs,
  );
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * `withDeadline`, with the service's own failures made into UpstreamError, except those that
 * `translate` knows a better error for.
 */
export async function callUpstream<T>(
  call: UpstreamCall,
  work: () => Promise<T>,
  translate: (error: unknown) => unknown = () => undefined,
): Promise<T> {
  try {
    return await withDeadline(call, work());
  } catch (error) {
    if (error instanceof UpstreamError) throw error;
    throw translate(error) ?? new UpstreamError(call.service, call.operation, { cause: error });
  }
}
