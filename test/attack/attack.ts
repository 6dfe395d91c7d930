import type { Lab } from './lab.ts';
import type { Edit, Weakening } from './mutant.ts';

/** What somebody would try, and what has to become of it. */
export interface Attack {
  /** `<theme>/<what>`. */
  readonly name: string;
  readonly tries: string;
  /** What the attempt must end with, as `run` says it: mostly status and code of a refusal. */
  readonly refused: string;
  /** Where what refuses it is a double of ours, which stands for a service of Google's: no test of the product. */
  readonly double?: string;
  /** What refuses it. */
  readonly defence: string;
  /** Tries it; the result is `SUCCEEDED`, or what came instead. */
  readonly run: (lab: Lab) => Promise<string>;
  /** Takes the defence away: the same attempt must then succeed. */
  readonly off: Weakening;
}

export const SUCCEEDED = 'succeeded';

/**
 * How an attempt ended: `SUCCEEDED` for a value and for an HTTP answer that is no error; `403 blocked`
 * for a refusal over HTTP, and the code of a typed error otherwise. Anything else is thrown: it is a
 * mistake in the attack.
 */
export async function outcomeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    const value = await attempt;
    return value instanceof Response ? await answerOf(value) : SUCCEEDED;
  } catch (error) {
    const { status, code } = error as { status?: unknown; code?: unknown };
    if (typeof code !== 'string') throw error;
    return status === undefined ? code : `${status} ${code}`;
  }
}

async function answerOf(response: Response): Promise<string> {
  const text = await response.text();
  if (response.ok) return SUCCEEDED;
  const [, code = ''] = /"code":"([^"]+)"|<Code>([^<]+)/.exec(text)?.filter(Boolean) ?? [];
  return `${response.status} ${code}`.trim();
}

/** One change of one file; without `replace` the text is taken out. */
export const edit = (file: string, find: string, replace = ''): Edit => ({ file, find, replace });
