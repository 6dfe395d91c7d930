/** Other rules over the events that were: who would have been blocked, and who would not. */
import { readFile } from 'node:fs/promises';
import { eventSchema, type FraudEvent } from '../../functions/fraud/events.ts';
import { createReplay } from '../../functions/fraud/replay.ts';
import { type RuleSet, ruleSetSchema } from '../../functions/fraud/rules.ts';

export interface RuleComparison {
  readonly events: number;
  /** Lines of the log that are no events. */
  readonly skipped: number;
  /** Keys of the subjects that only the one, only the other, or both rule sets would have blocked. */
  readonly onlyNow: readonly string[];
  readonly onlyThen: readonly string[];
  readonly both: readonly string[];
}

/** Compares `current` with `proposed` over the events received from `from` until before `to`. */
export function compareRules(
  lines: readonly string[],
  from: Date,
  to: Date,
  current: RuleSet,
  proposed: RuleSet,
): RuleComparison {
  const parsed = lines.filter((line) => line.trim() !== '').map(readLine);
  const events = parsed
    .flatMap((event) => event ?? [])
    .filter(({ receivedAt }) => receivedAt >= from.toISOString() && receivedAt < to.toISOString())
    .sort((a, b) => (a.receivedAt < b.receivedAt ? -1 : 1));
  const now = blockedBy(current, events);
  const then = blockedBy(proposed, events);
  return {
    events: events.length,
    skipped: parsed.filter((event) => event === undefined).length,
    onlyNow: [...now].filter((key) => !then.has(key)),
    onlyThen: [...then].filter((key) => !now.has(key)),
    both: [...now].filter((key) => then.has(key)),
  };
}

/** The rule set in a JSON file. Throws ZodError, SyntaxError, or the file system's error. */
export const readRules = async (file: string): Promise<RuleSet> =>
  ruleSetSchema.parse(JSON.parse(await readFile(file, 'utf8')));

function blockedBy(live: RuleSet, events: readonly FraudEvent[]): ReadonlySet<string> {
  const replay = createReplay({ live });
  const blocked = new Set<string>();
  for (const event of events) {
    for (const { measure, kind, id } of replay.apply(event)) {
      if (measure === 'block') blocked.add(`${kind}_${id}`);
    }
  }
  return blocked;
}

function readLine(line: string): FraudEvent | undefined {
  try {
    return eventSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
