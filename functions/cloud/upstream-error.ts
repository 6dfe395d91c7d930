import { ServiceError } from '../errors.ts';

export type UpstreamService = 'firestore' | 'storage' | 'kms' | 'pubsub';

export interface UpstreamErrorOptions {
  /** True where the service did not answer in time: its outcome is unknown. */
  readonly timedOut?: boolean;
  /** True where the call lost against others again and again: it has had no effect. */
  readonly contended?: boolean;
  readonly cause?: unknown;
}

/**
 * A cloud service failed, or did not answer in time, in a way the domain has no name for. The
 * caller of the API sees `unavailable`; which service and which call go to the log.
 */
export class UpstreamError extends ServiceError {
  readonly service: UpstreamService;
  readonly operation: string;
  readonly timedOut: boolean;

  constructor(service: UpstreamService, operation: string, options: UpstreamErrorOptions = {}) {
    const timedOut = options.timedOut ?? false;
    const outcome = options.contended ? 'contended' : timedOut ? 'timed_out' : 'failed';
    super('unavailable', {
      reason: `${service}_${operation}_${outcome}`,
      retryAfterSeconds: 5,
      cause: options.cause,
    });
    this.name = 'UpstreamError';
    this.service = service;
    this.operation = operation;
    this.timedOut = timedOut;
  }
}
