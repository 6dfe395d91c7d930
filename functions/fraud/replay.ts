/** The scorer over a map instead of a database: for history, simulation and tests. */
import type { DocumentData } from '../cloud/documents.ts';
import { activeRestrictions, type Restrictions } from './blocklist.ts';
import type { Decision } from './decisions.ts';
import type { FraudEvent } from './events.ts';
import { createScorer, type RuleBook } from './scorer.ts';
import { blockPath, type Subject } from './subjects.ts';

export interface Replay {
  /** Judges an event and returns the decisions that begin with it. */
  apply(event: FraudEvent): readonly Decision[];
  /** What holds against a subject at `now`. */
  restrictions(subject: Subject, now: Date): Restrictions;
  readonly documents: ReadonlyMap<string, DocumentData>;
}

/** A world under these rules that begins with these documents. */
export function createReplay(book: RuleBook, documents = new Map<string, DocumentData>()): Replay {
  const scorer = createScorer(book);
  return {
    documents,
    apply(event) {
      const changes = scorer.changesOf(event);
      if (changes.length === 0) return [];
      const scoring = scorer.scoring(changes, new Date(event.receivedAt));
      let step = scoring.next();
      while (!step.done) step = scoring.next(step.value.map((path) => documents.get(path)));
      for (const { path, data } of step.value.writes) documents.set(path, data);
      for (const path of step.value.deletions) documents.delete(path);
      return step.value.decisions;
    },
    restrictions: (subject, now) => activeRestrictions(documents.get(blockPath(subject)), now),
  };
}
