/** What happens in a local stack, one JSON line each, for the analysts' views: `events.ndjson` and `decisions.ndjson`. */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

export type EventLogFile = 'events' | 'decisions';

export interface EventLog {
  append(file: EventLogFile, line: unknown): void;
}

/** Of each file there is one older, `….1.ndjson`, and what is older than that is dropped. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Appends to what is in the folder already. */
export function openEventLog(folder: string, maxBytes = MAX_BYTES): EventLog {
  mkdirSync(folder, { recursive: true });
  const sizes = new Map<EventLogFile, number>();
  return {
    append(file, line) {
      const path = join(folder, `${file}.ndjson`);
      const text = `${JSON.stringify(line)}\n`;
      const size = sizes.get(file) ?? statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      const isFull = size > 0 && size + text.length > maxBytes;
      if (isFull) renameSync(path, join(folder, `${file}.1.ndjson`));
      appendFileSync(path, text);
      sizes.set(file, (isFull ? 0 : size) + text.length);
    },
  };
}
