/** What a check of `modelseal doctor` is, and what it finds. */
export interface Finding {
  readonly check: string;
  /** Undefined where all is well. */
  readonly wrong?: string;
  /** The command that remedies it. */
  readonly remedy?: string;
}

export interface Check {
  readonly check: string;
  readonly remedy: string;
  /** Rejects with what is wrong. */
  readonly work: () => Promise<unknown>;
}

/** Runs `gcloud` with these arguments and gives its JSON. Rejects where it fails. */
export type GcloudJson = (...args: readonly string[]) => Promise<unknown>;

/** What only a project of Google Cloud has. */
export interface Project {
  readonly id: string;
  /** Of functions, keys and schedules. */
  readonly region: string;
  readonly gcloud: GcloudJson;
  /** The time as Google has it. Rejects where it does not say. */
  readonly googleTime: () => Promise<Date>;
}

/** Does every check, all at once; a check that rejects is a finding, and never the end of the others. */
export const runChecks = (checks: readonly Check[]): Promise<readonly Finding[]> =>
  Promise.all(
    checks.map(async ({ check, remedy, work }): Promise<Finding> => {
      try {
        await work();
        return { check };
      } catch (error) {
        return { check, remedy, wrong: error instanceof Error ? error.message : String(error) };
      }
    }),
  );

/** Asks each question once, however many checks need the answer: `gcloud` takes a second to start. */
export function askedOnce(gcloud: GcloudJson): GcloudJson {
  const answers = new Map<string, Promise<unknown>>();
  return (...args) => {
    const question = JSON.stringify(args);
    const answer = answers.get(question) ?? gcloud(...args);
    answers.set(question, answer);
    return answer;
  };
}
