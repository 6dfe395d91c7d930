/**
 * How many models that are new to a user he may take in a time: the bound on collecting, decided
 * with the grant and not afterwards. Nobody is punished for reaching it; what he has stays his.
 */
import { type Tally, takenAt } from './tally.ts';
import { DAY_MS } from './time.ts';

interface Window {
  readonly days: number;
  readonly models: number;
}

/** What a plan gives unless it says otherwise; the other windows follow from the month's. */
export const NEW_MODELS_A_MONTH = 36;
export const NEW_MODELS_A_DAY = 8;

/** Seven favourites at the first start and one to spare; then a keen user's pace. */
const WINDOWS: readonly Window[] = [
  { days: 1, models: NEW_MODELS_A_DAY },
  { days: 7, models: 20 },
  { days: 30, models: NEW_MODELS_A_MONTH },
  { days: 180, models: 90 },
];
/** Of whoever was blocked within the memory of blocks. */
const RESTRICTED: readonly Window[] = [{ days: 7, models: 1 }];
/** Of accounts that nobody knows yet, while an alert is on. */
const ALERTED: Window = { days: 7, models: 4 };

export interface BudgetTerms {
  /** Of the user's plan. */
  readonly newModelsPerMonth?: number | undefined;
  /** Blocked lately. */
  readonly restricted: boolean;
  /** Another account on the phone was blocked lately: perhaps his, perhaps that of who sold it to him. */
  readonly markedPhone: boolean;
  /** A newcomer while the alert is at its highest. */
  readonly alerted: boolean;
}

/**
 * How long until one more new model fits, in milliseconds; 0 where it fits now.
 */
export function budgetWaitMs(tally: Tally, terms: BudgetTerms, now: Date): number {
  const { newModelsPerMonth = NEW_MODELS_A_MONTH, restricted, markedPhone, alerted } = terms;
  const scale = (newModelsPerMonth / NEW_MODELS_A_MONTH) * (markedPhone ? 0.5 : 1);
  const windows = restricted
    ? RESTRICTED
    : [
        ...WINDOWS.map(({ days, models }) => ({
          days,
          models: Math.max(1, Math.round(models * scale)),
        })),
        ...(alerted ? [ALERTED] : []),
      ];
  const taken = [...takenAt(tally)].sort((a, b) => b - a);
  const waits = windows.map(({ days, models }) => {
    const last = taken[models - 1];
    return last === undefined ? 0 : last + days * DAY_MS - now.getTime();
  });
  return Math.max(0, ...waits);
}
