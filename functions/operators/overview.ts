/**
 * The figures of the console: what the database holds, and nothing that it does not. Latency and cost are of what the
 * scorer counted (fraud/event-counts.ts): the function behind the console may read neither Cloud Monitoring nor BigQuery.
 */
import { readOr } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import type { KeyService, SigningKeyName } from '../cloud/keys.ts';
import { BASELINE_PATH, baselineCursor } from '../fraud/baseline.ts';
import { ALERT_PATH } from '../fraud/campaign.ts';
import { DEFAULT_RULES } from '../fraud/default-rules.ts';
import { countsOfADay, type DayCounts } from '../fraud/event-counts.ts';
import { isHint, type Rule } from '../fraud/rules.ts';
import { SHADOW_RULES } from '../fraud/shadow-rules.ts';
import { blockPath, HEAD_PATH, readBlock, readHead } from '../ledger/block.ts';
import { quantileMs } from '../observability/durations.ts';
import { DAY_MS, HOUR_MS } from '../time.ts';
import { newestActs } from './audit.ts';
import { alertOf, casesOf, verdictOf } from './cases.ts';
import { GRANT_OPERATIONS, grantCpuSeconds, priced } from './prices.ts';

interface Reads {
  readonly documents: Pick<DocumentStore, 'get' | 'query'>;
}

/** The worker appends one a minute while models are granted. */
const SHOWN_BLOCKS = 30;
const MAX_WAITING = 100;
const SHOWN_REFUSALS = 20;
/** Types of events that tell that somebody did not get what he asked for. */
const REFUSALS = /\.(?:refused|failed|replayed|regressed)$|^limit\.hit$/;
const LOOK_BACK_MS = 30 * DAY_MS;
const MAX_ACTS = 1_000;

/** Grants by the ledger, what waits for people, and whether a campaign is on. */
export async function overviewOf({ documents }: Reads, now: Date) {
  const [
    { unreadable: unreadableGrants, ...grants },
    { cases, heldBack, alert, acts, unreadable },
    day,
  ] = await Promise.all([
    newestGrants(documents),
    casesOf({ documents }, now),
    countsOfADay(documents, now),
  ]);
  return {
    grants,
    day: dayOf(day),
    alert,
    heldBack: heldBack.length,
    openCases: cases.filter(({ verdict }) => verdict === null).length,
    blocked: cases.filter(({ action, until }) => action === 'block' && until > now).length,
    acts: acts.slice(0, 10),
    /** How many of the documents behind these figures cannot be read. */
    unreadable: unreadable.length + unreadableGrants.length,
  };
}

/** Grants of a day with what they took and cost, and the refusals by what was asked for and why, the most frequent first. */
function dayOf({ counts, took, sealedBytes, isComplete }: DayCounts) {
  const granted = counts.get('grant.made') ?? 0;
  const timed = [...took.values()].reduce((sum, count) => sum + count, 0);
  const refusals = [...counts].flatMap(([kind, count]) => {
    const [type = '', cause] = kind.split(' ');
    return REFUSALS.test(type) ? [{ type, cause: cause ?? '', count }] : [];
  });
  return {
    granted,
    /** From the request to the sealed copy, of so many copies; null where none has been told of. */
    took: { copies: timed, p50Ms: quantileMs(took, 0.5), p95Ms: quantileMs(took, 0.95) },
    cost: timed > 0 ? costOf(granted, sealedBytes / timed) : null,
    refusals: refusals.sort((a, b) => b.count - a.count).slice(0, SHOWN_REFUSALS),
    isComplete,
  };
}

/** Of so many grants, whose copies have so many bytes on average: US dollars, the dearest first. */
function costOf(grants: number, bytesEach: number) {
  const work = { grants, sentBytes: grants * bytesEach, patches: 0 };
  const cpuSeconds = grants * grantCpuSeconds(bytesEach);
  const lines = priced({ ...work, use: GRANT_OPERATIONS, cpuSeconds })
    .map(({ item, dollars, read }) => ({ item, dollars, read }))
    .sort((a, b) => b.dollars - a.dollars);
  return { dollars: lines.reduce((sum, { dollars }) => sum + dollars, 0), bytesEach, lines };
}

/** All grants there were, and those of the newest blocks of the ledger, the oldest first. */
async function newestGrants(documents: Reads['documents']) {
  const { value, unreadable } = headOf(await documents.get(HEAD_PATH));
  const { sequence, grants: total } = value;
  const first = Math.max(1, sequence - SHOWN_BLOCKS + 1);
  const sequences = Array.from({ length: sequence - first + 1 }, (_, index) => first + index);
  const found = await Promise.all(sequences.map((each) => documents.get(blockPath(each))));
  const blocks = found.flatMap((data) => {
    const block = data && readBlock(data);
    return block ? [{ to: block.to, count: block.count }] : [];
  });
  return { total, blocks, unreadable };
}

/** As of a ledger that is empty where it cannot be read. */
const headOf = (data: DocumentData | undefined) =>
  readOr(HEAD_PATH, () => readHead(data), readHead(undefined));

/**
 * The rules in force, whom each restricted within thirty days, and how often people agreed; and those under trial, which
 * restrict nobody. Of both, the decisions of a day in which they are among the causes.
 */
export async function rulesOf({ documents }: Reads, now: Date) {
  const since = new Date(now.getTime() - LOOK_BACK_MS);
  const [{ cases, isComplete, heldBack, unreadable }, acts, day] = await Promise.all([
    casesOf({ documents }, now),
    newestActs({ documents }, since, MAX_ACTS),
    countsOfADay(documents, now),
  ]);
  const verdicts = acts.values.flatMap((act) => {
    const verdict = verdictOf(act);
    return verdict && act.rule ? [{ rule: act.rule, verdict }] : [];
  });
  const { version, thresholds, rules } = DEFAULT_RULES;
  return {
    version,
    thresholds: {
      throttle: thresholds.throttle.points,
      stepUp: thresholds.stepUp.points,
      block: thresholds.block.points,
    },
    isComplete: isComplete && unreadable.length === 0,
    shadow: SHADOW_RULES.map((rule) => ({
      ...shownOf(rule),
      decisions: day.rules.get(`shadow ${rule.id}`) ?? 0,
    })),
    rules: rules.map((rule) => {
      const { id } = rule;
      const given = verdicts.filter((each) => each.rule === id);
      return {
        ...shownOf(rule),
        decisions: day.rules.get(id) ?? 0,
        /** Cases in which it is among the causes, and those in which it weighed most. */
        cases: cases.filter(({ rules: causes }) => causes.includes(id)).length,
        first: cases.filter(({ rules: causes }) => causes[0] === id).length,
        thieves: given.filter(({ verdict }) => verdict === 'thief').length,
        good: given.filter(({ verdict }) => verdict === 'good').length,
        heldBack: heldBack.some(({ rule: held }) => held === id),
      };
    }),
  };
}

const shownOf = (rule: Rule) => {
  const { id, description, subjects, weight, cap } = rule;
  return { id, description, subjects, weight, cap, isHint: isHint(rule) };
};

/** One thing that should be so, and whether it is. */
export interface Check {
  readonly name: string;
  readonly isWell: boolean;
  readonly detail: string;
  /** The command or page that puts it right. */
  readonly remedy: string;
}

const KEYS: readonly SigningKeyName[] = ['manifest', 'licence', 'device'];

/** The signing keys with their states, and what the workers have left undone. */
export async function healthOf(
  { documents, keys }: Reads & { readonly keys: Pick<KeyService, 'publicKeys'> },
  now: Date,
) {
  const [versions, { value: head, ...headRead }, baseline, alert, outbox, due] = await Promise.all([
    Promise.all(KEYS.map((key) => keys.publicKeys(key))),
    documents.get(HEAD_PATH).then(headOf),
    documents.get(BASELINE_PATH),
    documents.get(ALERT_PATH),
    documents.query({ collection: 'outbox', limit: MAX_WAITING }),
    documents.query({
      collection: 'models',
      where: [['releaseDueAt', '<', new Date(now.getTime() - 2 * HOUR_MS)]],
      limit: MAX_WAITING,
    }),
  ]);
  const newest = readBlock((await documents.get(blockPath(head.sequence))) ?? {});
  const updated = readOr(BASELINE_PATH, () => baselineCursor(baseline, now), now);
  const baselineAgeMs = now.getTime() - updated.value.getTime();
  const { value: campaign, ...alertRead } = readOr(ALERT_PATH, () => alertOf(alert, now), null);
  const unreadable = [alertRead, updated, headRead].flatMap((each) => each.unreadable);
  const checks: readonly Check[] = [
    {
      name: 'Events reach Pub/Sub',
      isWell: outbox.length < MAX_WAITING,
      detail: `${atMost(outbox.length)} waiting in the outbox`,
      remedy: 'docs/ops/operations.md',
    },
    {
      name: 'Release records are signed anew in time',
      isWell: due.length === 0,
      detail: `${atMost(due.length)} overdue by two hours`,
      remedy: 'gcloud scheduler jobs run releases',
    },
    {
      name: 'The campaign baseline is up to date',
      isWell: baseline !== undefined && baselineAgeMs < 3 * HOUR_MS,
      detail: baseline ? `${Math.round(baselineAgeMs / HOUR_MS)} h old` : 'there is none yet',
      remedy: 'gcloud scheduler jobs run campaigns',
    },
    {
      name: 'No campaign alert is on',
      isWell: campaign === null,
      detail: campaign ? `level ${campaign.level}` : 'none',
      remedy: 'docs/analysts/events.md',
    },
    {
      name: 'What this rests on can be read',
      isWell: unreadable.length === 0,
      detail: unreadable.join(', ') || 'all of it',
      remedy: 'docs/ops/console.md',
    },
  ];
  return {
    keys: versions.flat().map(({ kid, state }) => ({ kid, state })),
    ledger: { sequence: head.sequence, grants: head.grants, newest: newest?.to ?? null },
    checks,
  };
}

const atMost = (count: number): string =>
  count < MAX_WAITING ? String(count) : `${MAX_WAITING} or more`;
