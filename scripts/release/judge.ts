/** Whether a candidate is as good as what it replaces: function by function and outcome by outcome, never on the whole. */

/** What one revision of one function did in a while. */
export interface Reading {
  readonly requests: number;
  /** Answers of class 5xx. */
  readonly errors: number;
  /** Answers of class 4xx, by the outcome that the log names. */
  readonly refusals: Readonly<Record<string, number>>;
  /** 95th percentile in milliseconds; null where nothing was measured. */
  readonly latencyMs: number | null;
}

/** By function and region. */
export type Readings = ReadonlyMap<string, Reading>;

export interface Judgement {
  /** Why the release must stop; none where it may go on. */
  readonly reasons: readonly string[];
  /** Functions of which too little was seen to say anything. */
  readonly unproven: readonly string[];
}

export const NOTHING: Reading = { requests: 0, errors: 0, refusals: {}, latencyMs: null };

/** Fewer failures than this may be chance. */
const MIN_FAILURES = 3;
/** Errors: this share, or twice what was there before. */
const MAX_ERRORS = 0.01;
/** Refusals of one outcome may grow by this share of all requests: attacks come and go. */
const MAX_REFUSAL_GROWTH = 0.2;
/** The 95th percentile says something from so many requests on, and may grow by half and by 250 ms. */
const MIN_MEASURED = 20;
const MAX_SLOWER = 1.5;
const MAX_SLOWER_MS = 250;

const share = (part: number, { requests }: Reading) => (requests > 0 ? part / requests : 0);
const percent = (of: number) => `${(100 * of).toFixed(1)} %`;

/** `before` is what the revisions that are replaced did in the hour before the release. */
export function judge(candidate: Readings, before: Readings): Judgement {
  const reasons: string[] = [];
  const unproven: string[] = [];
  for (const [place, reading] of candidate) {
    const old = before.get(place) ?? NOTHING;
    const errors = share(reading.errors, reading);
    if (reading.errors >= MIN_FAILURES && errors > Math.max(MAX_ERRORS, 2 * share(old.errors, old)))
      reasons.push(`${place}: ${percent(errors)} of the requests failed`);
    for (const [outcome, count] of Object.entries(reading.refusals)) {
      const now = share(count, reading);
      const then = share(old.refusals[outcome] ?? 0, old);
      if (count >= MIN_FAILURES && now - then > MAX_REFUSAL_GROWTH)
        reasons.push(
          `${place}: ${outcome} refuses ${percent(now)}, before it was ${percent(then)}`,
        );
    }
    if (
      reading.requests >= MIN_MEASURED &&
      old.requests >= MIN_MEASURED &&
      reading.latencyMs !== null &&
      old.latencyMs !== null &&
      reading.latencyMs > Math.max(MAX_SLOWER * old.latencyMs, old.latencyMs + MAX_SLOWER_MS)
    )
      reasons.push(
        `${place}: 95 % are answered within ${Math.round(reading.latencyMs)} ms, before it was ${Math.round(old.latencyMs)}`,
      );
    if (reading.requests < MIN_FAILURES) unproven.push(place);
  }
  return { reasons, unproven };
}
