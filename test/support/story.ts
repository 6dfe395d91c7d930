/** The demo's steps: what is said to happen, whether it did, and how long it took. */

export interface StepResult {
  readonly step: number;
  readonly title: string;
  readonly ok: boolean;
  readonly milliseconds: number;
  /** What was seen. */
  readonly detail: string;
}

export interface Story {
  /** Runs one step; `work` returns what was seen, and throws where it is not as said. */
  step(title: string, work: () => Promise<string>): Promise<void>;
  readonly results: readonly StepResult[];
}

/** Prints each step as it ends; after a failed step the story goes on, since a later one may tell why. */
export function tellStory(print: (line: string) => void): Story {
  const results: StepResult[] = [];
  return {
    results,
    async step(title, work) {
      const startedAt = performance.now();
      let ok = true;
      let detail: string;
      try {
        detail = await work();
      } catch (error) {
        ok = false;
        detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      }
      const milliseconds = Math.round(performance.now() - startedAt);
      const step = results.length + 1;
      results.push({ step, title, ok, milliseconds, detail });
      print(`${ok ? '✓' : '✗'} ${String(step).padStart(2)}  ${title}  (${timeText(milliseconds)})`);
      for (const line of detail.split('\n')) print(`       ${line}`);
    },
  };
}

/** Throws unless `condition` holds. */
export function mustBe(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not as said: ${what}`);
}

/** What `work` was refused with, in words; throws where it was not refused, or with another code. */
export async function refusalOf(
  work: Promise<unknown>,
  code: string,
): Promise<{
  readonly code: string;
  readonly status?: number;
  readonly retryAfterSeconds?: number;
}> {
  try {
    await work;
  } catch (error) {
    const refused = error as { code?: string; status?: number; retryAfterSeconds?: number };
    if (refused.code === code) return { ...refused, code };
    throw error;
  }
  throw new Error(`not as said: should have been refused with ${code}`);
}

/** A duration as people read it. */
export function timeText(milliseconds: number): string {
  return milliseconds < 1000
    ? `${milliseconds.toFixed(0)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;
}
