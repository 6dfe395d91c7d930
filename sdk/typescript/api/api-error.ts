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
  }
}

const ADVICE: readonly string[] = ['retry', 'reattest', 'update', 'unsupported'];

/**
 * Reads a problem response.
 *
 * @param response Its body is consumed.
 * @returns The error; for anything that is no problem, one with the code `http_` and the status.
 */
export async function apiErrorOf(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const text = (name: string) =>
    typeof problem[name] === 'string' ? (problem[name] as string) : undefined;
  const advice = text('advice');
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new ApiError(text('code') ?? `http_${response.status}`, response.status, {
    advice: advice && ADVICE.includes(advice) ? (advice as Advice) : undefined,
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    requestId: text('requestId'),
  });
}
