/** A string and its parameter, as https://www.rfc-editor.org/rfc/rfc9651 writes them. */
const NEXT_CHALLENGE = /^"([\w-]{1,256})"; *lifetime=(\d{1,4})$/;
/** On its way to the service a challenge still has to live. */
const MARGIN_MS = 30_000;

/**
 * The challenge for a grant that came with the last answer, in memory only: once, for who asked then, while it lives.
 *
 * @example
 * const next = new NextChallenge(Date.now);
 * next.note(response.headers.get('next-challenge'), token);
 * const challenge = next.take(token) ?? (await askForChallenge());
 */
export class NextChallenge {
  readonly #nowMs: () => number;
  #kept: { challenge: string; token: string; from: number; untilMs: number } | undefined;

  /** @param nowMs The device's clock. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * @param header `Next-Challenge` of an answer; null where it has none.
   * @param token The user token that the answer is to.
   */
  note(header: string | null, token: string): void {
    const [, challenge, seconds] = NEXT_CHALLENGE.exec(header ?? '') ?? [];
    if (!challenge) return;
    const from = this.#nowMs();
    this.#kept = { challenge, token, from, untilMs: from + Number(seconds) * 1000 - MARGIN_MS };
  }

  /**
   * Undefined where there is none, or it is another user's, or over, or the clock was set back.
   *
   * @param token The user token of the grant that it is for.
   */
  take(token: string): string | undefined {
    const kept = this.#kept;
    this.#kept = undefined;
    const nowMs = this.#nowMs();
    if (kept?.token !== token || nowMs < kept.from || nowMs >= kept.untilMs) return undefined;
    return kept.challenge;
  }
}
