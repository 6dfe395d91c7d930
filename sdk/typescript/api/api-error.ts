/** What an app does after a refusal: try again later, enrol anew, update, or give up on this device. */
export type Advice = 'retry' | 'reattest' | 'update' | 'unsupported';

/**
 * The server's refusal (an RFC 9457 problem), or `unreachable` where there was no answer.
 *
 * @example
 * try {
 *   using model = await models.get('smile');
 * } catch (error) {
 *   if (error instanceof ApiError && error.code === 'blocked') return showSupport(error.requestId);
 *   throw error;
 * }
 */
export class ApiError extends Error {
  /** Stable, such as `rate_limited`: switch on this and never on the message. */
  readonly code: string;
  /** Of the HTTP answer; 0 where there was none. */
  readonly status: number;
  /** What the app should do now. */
  readonly advice: Advice | undefined;
  /** Before this the same request is refused again. */
  readonly retryAfterSeconds: number | undefined;
  /** Tells the operators which request it was. */
  readonly requestId: string | undefined;
  /** The service's time, where `clock_wrong` is told. */
  readonly serverTime: Date | undefined;

  /**
   * @param code The problem's `code`.
   * @param status Of the HTTP answer; 0 where there was none.
   * @param details What else the problem says.
   */
  constructor(
    code: string,
    status: number,
    details: {
      readonly advice?: Advice | undefined;
      readonly retryAfterSeconds?: number | undefined;
      readonly requestId?: string | undefined;
      readonly serverTime?: Date | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    super(`${code} (${status})`, { cause: details.cause });
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
    this.advice = details.advice;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.requestId = details.requestId;
    this.serverTime = details.serverTime;
  }
}

const ADVICE: readonly string[] = ['retry', 'reattest', 'update', 'unsupported'];

/** Somebody else answered: a captive portal, a proxy. */
export const intercepted = (): ApiError => new ApiError('intercepted', 0, { advice: 'retry' });

/**
 * A refusal from its response.
 *
 * @param response Its status and headers are looked at.
 * @param answer What its body was; undefined where that was no JSON.
 */
export function apiErrorOf(response: Response, answer: unknown): ApiError {
  const { status } = response;
  // The service says seconds; a date is a proxy's, by a clock that nobody knows.
  const [retryAfter] = /^\d{1,9}$/.exec(response.headers.get('retry-after') ?? '') ?? [];
  const retryAfterSeconds = retryAfter === undefined ? undefined : Number(retryAfter);
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    // A gateway of the service's own says 5xx without a problem; anything else is somebody else, such
    // as a portal with 511 (RFC 6585 section 6).
    const isGateway = status >= 500 && status <= 510;
    if (!isGateway) return intercepted();
    return new ApiError(`http_${status}`, status, { advice: 'retry', retryAfterSeconds });
  }
  const problem = answer as Record<string, unknown>;
  const text = (name: string) =>
    typeof problem[name] === 'string' ? (problem[name] as string) : undefined;
  const advice = text('advice');
  return new ApiError(text('code') ?? `http_${status}`, status, {
    advice: advice && ADVICE.includes(advice) ? (advice as Advice) : undefined,
    retryAfterSeconds,
    requestId: text('requestId'),
  });
}
