/** Scores each event of the `events` topic and puts restrictions where the grant path reads them. */
import { recordVote } from '../catalogue/record-vote.ts';
import type { DocumentStore, DocumentTransaction } from '../cloud/documents.ts';
import type { EventPublisher } from '../cloud/event-publisher.ts';
import { alertPathOf, raisedAlert } from '../fraud/campaign.ts';
import type { Decision } from '../fraud/decisions.ts';
import { DEFAULT_RULES } from '../fraud/default-rules.ts';
import { createEventCounts } from '../fraud/event-counts.ts';
import { readEventMessage } from '../fraud/event-message.ts';
import type { FraudEvent } from '../fraud/events.ts';
import { createMovedNames, type MovedNames } from '../fraud/pseudonym-moves.ts';
import type { RuleSet } from '../fraud/rules.ts';
import { createScorer, type Outcome, type Scoring } from '../fraud/scorer.ts';
import { underTrial } from '../fraud/shadow-rules.ts';
import type { Log } from '../log.ts';
import type { EventHandler, EventHandlerFactory } from './event-handler.ts';
import { messageData, PoisonError, readPush } from './push-message.ts';

export interface ScoreDependencies {
  readonly documents: DocumentStore;
  readonly publisher: EventPublisher;
  readonly rules: RuleSet;
  /** Rules under trial, judged beside the others and without effect. */
  readonly shadowRules?: RuleSet;
  readonly now: () => Date;
  readonly log: Log;
}

/** An event may be stamped this far ahead of us by another instance's clock. */
const MAX_CLOCK_SKEW_MS = 5 * 60_000;
/** Our events are a few hundred bytes; of anything larger only the beginning is kept as evidence. */
const MAX_DEAD_LETTER_CHARS = 64 * 1024;

/**
 * Handles one Pub/Sub message. Resolves once the event took effect and its decisions are published,
 * or once a poison message lies in `dead-letters`; throws to have it delivered again.
 */
export function createScoreHandler(dependencies: ScoreDependencies): EventHandler {
  const { documents, publisher, rules, shadowRules, now, log } = dependencies;
  const scorer = createScorer({ live: rules, ...(shadowRules && { shadow: shadowRules }) });
  const movedNames = createMovedNames(documents, now);
  const count = createEventCounts(documents, now);
  return async ({ id, data }) => {
    let event: FraudEvent;
    try {
      event = readEvent(data, now());
    } catch (error) {
      if (!(error instanceof PoisonError)) throw error;
      await publisher.publish('dead-letters', deadLetter(id, data, error.reason, now()), {
        cause: error.reason,
      });
      log('ERROR', 'event moved to dead letters', { cause: error.reason, messageId: id });
      return;
    }
    await raiseAlert(event, dependencies);
    await count(event, await judge(event));
    // Last: what is wrong with a rollout's records keeps no event from being scored. A second delivery changes neither.
    await recordVote(documents, event, now());
  };

  /** The decisions that begin with the event, once they are published. */
  async function judge(event: FraudEvent): Promise<readonly Decision[]> {
    if (scorer.changesOf(event).length === 0) return [];
    const { decisions, trips } = await documents.transaction(async (tx) =>
      carryOut(
        scorer.scoring(scorer.changesOf(await underNamesOfNow(event, tx, movedNames)), now()),
        tx,
      ),
    );
    for (const trip of trips) {
      log('ERROR', 'breaker tripped', { ...trip, subjects: trip.subjects.length });
    }
    for (const decision of decisions) {
      await publisher.publish('decisions', decision, { measure: decision.measure });
      log(
        decision.measure === 'block' && !decision.shadow ? 'WARNING' : 'INFO',
        'measure decided',
        {
          subject: `${decision.kind}_${decision.id}`,
          measure: decision.measure,
          shadow: decision.shadow,
          until: decision.until,
          rule: decision.causes[0]?.rule,
        },
      );
    }
    return decisions;
  }
}

export const createHandler: EventHandlerFactory<
  Omit<ScoreDependencies, 'rules'> & { readonly config: { readonly blockDelaySeconds: number } }
> = ({ documents, publisher, log, now, config }) => {
  const rules = withBlockDelay(DEFAULT_RULES, config.blockDelaySeconds);
  const shadowRules = underTrial(rules);
  return createScoreHandler({
    ...{ documents, publisher, log, now, rules },
    ...(shadowRules && { shadowRules }),
  });
};

const withBlockDelay = (rules: RuleSet, delaySeconds: number): RuleSet => ({
  ...rules,
  thresholds: { ...rules.thresholds, block: { ...rules.thresholds.block, delaySeconds } },
});

/** An event may have been on its way while its user's records were moved to another name. */
async function underNamesOfNow(
  event: FraudEvent,
  { getAll }: Pick<DocumentTransaction, 'getAll'>,
  movedNames: MovedNames,
): Promise<FraudEvent> {
  const names = [event.user, event.network].filter((name) => name !== null);
  const held = await movedNames(getAll, names);
  const nowOf = (name: string | null) =>
    name === null ? null : (held[names.indexOf(name)] ?? name);
  return { ...event, user: nowOf(event.user), network: nowOf(event.network) };
}

/** Raises the alert against campaigns where the event says that a pool is full. */
async function raiseAlert(
  event: FraudEvent,
  { documents, log }: Pick<ScoreDependencies, 'documents' | 'log'>,
): Promise<void> {
  const path = alertPathOf(event);
  if (!path) return;
  const raised = await documents.transaction(async (tx) => {
    const [data] = await tx.getAll([path]);
    const alert = raisedAlert(event, data);
    if (alert) tx.set(path, { ...alert });
    return alert;
  });
  if (raised)
    log('ERROR', 'campaign alert', {
      alert: path,
      level: raised.level,
      until: raised.until.toISOString(),
    });
}

/** Runs a scoring inside a transaction and returns what is to be published after it. */
export async function carryOut(scoring: Scoring, tx: DocumentTransaction): Promise<Outcome> {
  let step = scoring.next();
  while (!step.done) step = scoring.next(await tx.getAll(step.value));
  for (const { path, data } of step.value.writes) tx.set(path, data);
  for (const path of step.value.deletions) tx.delete(path);
  return step.value;
}

function readEvent(data: unknown, now: Date): FraudEvent {
  const event = readEventMessage(readPush(data));
  if (!event) throw new PoisonError('not_an_event');
  if (Date.parse(event.receivedAt) > now.getTime() + MAX_CLOCK_SKEW_MS) {
    throw new PoisonError('from_the_future');
  }
  return event;
}

/** The message with its cause; `data` is kept as it came, so that it can be replayed when that is fixed. */
function deadLetter(messageId: string, data: unknown, cause: string, now: Date) {
  return {
    cause,
    messageId,
    receivedAt: now.toISOString(),
    data: messageData(data)?.slice(0, MAX_DEAD_LETTER_CHARS) ?? null,
  };
}
