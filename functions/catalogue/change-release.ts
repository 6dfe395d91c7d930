/** The one way in which people and workers change what a model's release record says. */
import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import type { ReleaseRecord, ReleaseTerms } from '../protocol/release-record.ts';
import { type ModelRecord, modelPath, readModel, writeModel } from './model-record.ts';
import {
  cataloguedRelease,
  newerOf,
  type ReleaseServices,
  rememberedRelease,
  rememberRelease,
  signRelease,
} from './releases.ts';

export interface RolloutServices extends ReleaseServices {
  readonly documents: Pick<DocumentStore, 'query' | 'transaction'>;
}

/** A model and what holds for it now: by the catalogue or by the vault, whichever is the newer. */
export interface Released {
  readonly model: ModelRecord;
  /** Undefined only for a model from before there were records. */
  readonly record: ReleaseRecord | undefined;
}

/** What a change made of a record. */
export interface ReleaseChange extends ReleaseTerms {
  /** Of the record that was signed; of the one that stays where nothing was. */
  readonly serial: number;
}

/**
 * Signs the record that `change` makes of the present one, with the next serial; nothing where it gives
 * undefined, or where it is a `dryRun`. Throws model_unknown where there is no such model, and what
 * `change` throws; then nothing is changed. `change` runs again where somebody else was faster.
 */
export async function changeRelease(
  services: Omit<RolloutServices, 'documents'> & {
    readonly documents: Pick<DocumentStore, 'transaction'>;
  },
  modelId: string,
  change: (released: Released) => ReleaseTerms | undefined | Promise<ReleaseTerms | undefined>,
  now: Date,
  { dryRun = false } = {},
): Promise<ReleaseChange> {
  const remembered = await rememberedRelease(services, modelId);
  const done = await services.documents.transaction(async (tx) => {
    const [data] = await tx.getAll([modelPath(modelId)]);
    const model = data && readModel(data);
    if (!model) throw new ServiceError('model_unknown');
    const records = [remembered, await cataloguedRelease(services, model)];
    const record = newerOf(records);
    const terms = await change({ model, record });
    const serial = record?.serial ?? 0;
    if (!terms || dryRun) return { terms: terms ?? record, serial, release: undefined };
    const signed = await signRelease(services, modelId, records, terms, now);
    writeModel(tx, { ...model, ...signed });
    return { terms, serial: serial + 1, release: signed.release };
  });
  if (done.release !== undefined) await rememberRelease(services, modelId, done.release);
  const { rules = [], minPublishedAt, revoked } = done.terms ?? {};
  return {
    ...{ serial: done.serial, rules },
    ...(minPublishedAt !== undefined && { minPublishedAt }),
    ...(revoked && { revoked }),
  };
}

/** The terms with other rules. */
export const withRules = (
  { minPublishedAt, revoked }: Partial<ReleaseTerms>,
  rules: ReleaseTerms['rules'],
): ReleaseTerms => ({
  rules,
  ...(minPublishedAt !== undefined && { minPublishedAt }),
  ...(revoked && { revoked }),
});
