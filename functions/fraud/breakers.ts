/** What the breakers make of it when the occasions of subjects change. */
import type { DocumentData, StoredDocument } from '../cloud/documents.ts';
import { activeUsersOf, BASELINE_PATH } from './baseline.ts';
import {
  type Breaker,
  type Breaking,
  breakerDocument,
  breakerPath,
  isIncomparable,
  isWithin,
  readBreaker,
  remembersFrom,
  tripsOf,
  withActiveUsers,
  withOccasions,
} from './breaker.ts';
import { heldBackBy, type Risk, riskOf, type StoredOccasion } from './risk.ts';
import type { IsHeldBack } from './scoring.ts';
import { riskPath, type Subject, subjectFrom, subjectKey } from './subjects.ts';

/** A rule was to restrict more of a version than anything explains. */
export interface Trip extends Breaking {
  /** Keys of those who are spared by it, and were not before. */
  readonly subjects: readonly string[];
}

/** By the key of a subject, which of its occasions are held back. */
export type HeldBack = ReadonlyMap<string, IsHeldBack>;

interface Asked {
  /** Of everybody of whom it may have changed. */
  readonly heldBack: HeldBack;
  /** Those that no change was about. */
  readonly others: readonly { readonly subject: Subject; readonly before: Risk }[];
  readonly writes: readonly StoredDocument[];
  readonly deletions: readonly string[];
  readonly trips: readonly Trip[];
}

/** What comes of it where no occasion has changed. */
export const NOTHING_ASKED: Asked = {
  heldBack: new Map(),
  others: [],
  writes: [],
  deletions: [],
  trips: [],
};

interface Moved {
  readonly subject: Subject;
  readonly before: Risk;
  readonly after: Risk;
}

/** By the path of a breaker, whether it holds back an occasion of a subject that was first to be blocked at an instant. */
type Verdicts = Map<string, (occasion: StoredOccasion, firstBlock: number) => boolean>;

/** Tells the breakers of subjects whose occasions have moved, and finds whom that concerns. */
export function* askBreakers(
  moved: readonly Moved[],
  now: Date,
): Generator<readonly string[], Asked, readonly (DocumentData | undefined)[]> {
  const names = new Map(
    moved
      .flatMap(({ subject, before, after }) =>
        [...before.occasions, ...after.occasions].map((one) => breakingOf(subject, one)),
      )
      .map((name) => [breakerPath(name), name]),
  );
  const [baseline, ...stored] = yield [BASELINE_PATH, ...names.keys()];
  const writes: StoredDocument[] = [];
  const deletions: string[] = [];
  const trips: Trip[] = [];
  const verdicts: Verdicts = new Map();
  const concerned = new Map<string, Set<string>>();
  for (const [index, [path, name]] of [...names].entries()) {
    const before = readBreaker(stored[index]);
    const users = activeUsersOf(baseline, name.appVersion);
    const after = withActiveUsers(
      moved.reduce((breaker, one) => told(breaker, path, one), before),
      users,
      now.getTime(),
    );
    const [was, is] = [tripsOf(before), tripsOf(after)];
    const from = remembersFrom(after);
    verdicts.set(path, ({ action, since, heldBack }, firstBlock) => {
      if (since < from) return heldBack;
      // Without a baseline nobody knows yet who uses what.
      const isAlone = baseline && action === 'block' && isIncomparable(after, since, firstBlock);
      return isAlone || isWithin(is, since);
    });
    const document = breakerDocument(after, name);
    if (document) writes.push({ path, data: document });
    else if (stored[index]) deletions.push(path);
    const changed = [...after.occasions].filter(([, own]) =>
      own.some((at) => isWithin(was, at) !== isWithin(is, at)),
    );
    for (const [key] of changed) concerned.set(key, (concerned.get(key) ?? new Set()).add(path));
    const freed = changed.filter(([, own]) =>
      own.some((at) => isWithin(is, at) && !isWithin(was, at)),
    );
    if (freed.length > 0) trips.push({ ...name, subjects: freed.map(([key]) => key) });
  }
  for (const { subject } of moved) concerned.delete(subjectKey(subject));
  const keys = [...concerned.keys()];
  const risks = keys.length > 0 ? yield keys.map((key) => riskPath(subjectFrom(key))) : [];
  const others = keys.flatMap((key, index) => {
    // Who was forgotten meanwhile has no block to be freed of.
    const data = risks[index];
    return data ? [{ subject: subjectFrom(key), before: riskOf(data) }] : [];
  });
  const heldBack: HeldBack = new Map(
    [
      ...moved.map(({ subject, after }) => ({ subject, risk: after })),
      ...others.map(({ subject, before }) => ({ subject, risk: before })),
    ].map(({ subject, risk }) => [subjectKey(subject), verdictOn(subject, risk, verdicts)]),
  );
  return { heldBack, others, writes, deletions, trips };
}

/** What the breakers that were asked say, and of others what is known. */
function verdictOn(subject: Subject, { occasions }: Risk, verdicts: Verdicts): IsHeldBack {
  const firstBlock = occasions.find(({ action }) => action === 'block')?.since ?? 0;
  return heldBackBy(
    occasions.map((occasion) => {
      const verdict = verdicts.get(breakerPath(breakingOf(subject, occasion)));
      return verdict ? { ...occasion, heldBack: verdict(occasion, firstBlock) } : occasion;
    }),
  );
}

const told = (breaker: Breaker, path: string, { subject, after }: Moved): Breaker => {
  const own = after.occasions.filter((one) => breakerPath(breakingOf(subject, one)) === path);
  const instants = own.map(({ since }) => since);
  return withOccasions(breaker, subjectKey(subject), instants, after.resetAt);
};

const breakingOf = ({ kind }: Subject, { rule, appVersion }: StoredOccasion): Breaking => ({
  kind,
  rule,
  appVersion,
});

/** Whether the rules are for the same restrictions at the same times, for the same reasons. */
export function sameOccasions(a: Risk, b: Risk): boolean {
  const shown = ({ occasions }: Risk) =>
    JSON.stringify(
      occasions.map(({ action, since, rule, appVersion }) => [action, since, rule, appVersion]),
    );
  return shown(a) === shown(b);
}
