interface Coded {
  readonly code: string;
}

/**
 * Says how an act ends: `done` where it succeeds, else the code of an error of this class. Any other
 * error fails the test that asks.
 */
export const outcomeWith =
  <E extends Coded>(errors: abstract new (...args: never[]) => E, done: string) =>
  (act: Promise<unknown>): Promise<string> =>
    act.then(
      () => done,
      (error: unknown) => {
        if (!(error instanceof errors)) throw error;
        return error.code;
      },
    );
