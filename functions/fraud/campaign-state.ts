/** The baseline and the alert as an instance knows them: read once in a while, not with each grant. */
import type { DocumentStore } from '../cloud/documents.ts';
import { BASELINE_PATH, type Baseline, readBaseline } from './baseline.ts';
import { type Alert, readAlert, SHARED_ALERT_PATHS } from './campaign.ts';

export interface CampaignState {
  readonly baseline: Baseline;
  /** That against newcomers. */
  readonly alert: Alert | undefined;
  /** That against accounts whose models go elsewhere. */
  readonly moves: Alert | undefined;
}

/** Pools refuse at once whatever is known here; only the alert reaches instances so late. */
const KNOWN_FOR_MS = 60_000;

type Reads = Pick<DocumentStore, 'get'>;
const known = new WeakMap<Reads, { readonly at: number; readonly state: Promise<CampaignState> }>();

/** Rejects where the documents cannot be read: what is unknown must not count as no alert. */
export function campaignState(documents: Reads, now: Date): Promise<CampaignState> {
  const cached = known.get(documents);
  const ageMs = now.getTime() - (cached?.at ?? 0);
  if (cached && ageMs >= 0 && ageMs < KNOWN_FOR_MS) return cached.state;
  const state = read(documents);
  known.set(documents, { at: now.getTime(), state });
  state.catch(() => known.delete(documents));
  return state;
}

async function read(documents: Reads): Promise<CampaignState> {
  const [baseline, alert, moves] = await Promise.all(
    [BASELINE_PATH, ...SHARED_ALERT_PATHS].map((path) => documents.get(path)),
  );
  return { baseline: readBaseline(baseline), alert: readAlert(alert), moves: readAlert(moves) };
}
