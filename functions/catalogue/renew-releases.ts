/**
 * Signs release records anew before they end. What is on offer never changes here: it is what the
 * publisher signed last, by the catalogue or by what the vault remembers, whichever is the newer.
 */
import type { DocumentStore, DocumentValue, StoredDocument } from '../cloud/documents.ts';
import { describeError, type Log } from '../log.ts';
import type { ReleaseTerms } from '../protocol/release-record.ts';
import { type ModelRecord, modelPath, readModel, writeModel } from './model-record.ts';
import {
  cataloguedRelease,
  type ReleaseServices,
  rememberedRelease,
  rememberRelease,
  ruleForAll,
  signRelease,
  vouchedOffer,
} from './releases.ts';

export interface RenewalServices extends ReleaseServices {
  readonly documents: Pick<DocumentStore, 'query' | 'transaction'>;
  readonly log: Log;
}

/** Models in one run; those that are due longest come first, the rest wait for the next. */
const BATCH = 2_000;
const CONCURRENT = 16;

/** What a run did, in models. */
export interface ReleasesRun {
  readonly renewed: number;
  /** From before there were records: what their documents name as the newest was signed. */
  readonly adopted: number;
  /** The catalogue had an older record than the vault, or none: what the vault remembers was put back. */
  readonly restored: number;
  readonly failed: number;
}

type Outcome = Exclude<keyof ReleasesRun, 'failed'>;

/** Renews what is due at `now`, so many at most; one that fails does not stop the rest. */
export async function renewReleases(services: RenewalServices, now: Date): Promise<ReleasesRun> {
  const counts = { renewed: 0, adopted: 0, restored: 0, failed: 0 };
  // One iterator for all workers: each model is taken by one of them.
  const due = (await dueModels(services, now)).values();
  const work = async (): Promise<void> => {
    for (const { data } of due) {
      const model = String(data['modelId']);
      try {
        const outcome = await renewRelease(services, model, now);
        if (outcome) counts[outcome] += 1;
        if (outcome === 'restored') services.log('ERROR', 'release put back', { model });
      } catch (error) {
        counts.failed += 1;
        services.log('ERROR', 'release not renewed', { model, ...describeError(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, work));
  return counts;
}

async function dueModels(
  { documents }: RenewalServices,
  now: Date,
): Promise<readonly StoredDocument[]> {
  const [due, old] = await Promise.all([
    documents.query({
      collection: 'models',
      where: [['releaseDueAt', '<=', now]],
      orderBy: ['releaseDueAt', 'asc'],
      limit: BATCH,
    }),
    // Documents from before there were records have this member, and no other has.
    documents.query({ collection: 'models', where: [['latest', '>', '']], limit: BATCH }),
  ]);
  const models = new Map([...due, ...old].map((document) => [document.path, document]));
  return [...models.values()].slice(0, BATCH);
}

/** Undefined where the model was erased meanwhile. */
async function renewRelease(
  services: RenewalServices,
  modelId: string,
  now: Date,
): Promise<Outcome | undefined> {
  const remembered = await rememberedRelease(services, modelId);
  const done = await services.documents.transaction(async (tx) => {
    const [data] = await tx.getAll([modelPath(modelId)]);
    if (!data) return undefined;
    const model = readModel(data);
    const catalogued = await cataloguedRelease(services, model);
    const isBehind = remembered !== undefined && remembered.serial > (catalogued?.serial ?? 0);
    const last = isBehind ? remembered : catalogued;
    const terms = last ?? (await adopted(services, model, data['latest']));
    const signed = await signRelease(services, modelId, [last], terms, now);
    writeModel(tx, { ...model, ...signed });
    const outcome: Outcome = isBehind ? 'restored' : last ? 'renewed' : 'adopted';
    return { outcome, release: signed.release };
  });
  if (done) await rememberRelease(services, modelId, done.release);
  return done?.outcome;
}

/**
 * What a model without any record offers. Only a document from before there were records may say it,
 * of a version that the publisher signed; whose record was taken away is not among them, since the
 * vault remembers that.
 */
async function adopted(
  services: ReleaseServices,
  { modelId, versions, release }: ModelRecord,
  latest: DocumentValue | undefined,
): Promise<ReleaseTerms> {
  const version = typeof latest === 'string' ? versions[latest] : undefined;
  if (typeof latest !== 'string' || !version || release !== null) {
    throw new Error('no record that the publisher signed');
  }
  return { rules: [ruleForAll(await vouchedOffer(services, modelId, latest, version))] };
}
