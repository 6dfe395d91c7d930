/**
 * Traces what was uploaded in the console, one file a run, as `modelseal trace` does. A run has the file to
 * itself for as long as it may take; one that ended badly is begun once more, and then given up.
 */
import { createHash } from 'node:crypto';
import { readEach } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { MAX_DELETED_TOGETHER, ObjectMissingError, type ObjectStore } from '../cloud/objects.ts';
import { UpstreamError } from '../cloud/upstream-error.ts';
import { evidenceOf, innocentDeviations } from '../grants/trace-evidence.ts';
import { type TraceResult, type TraceServices, traceLeak } from '../grants/trace-leak.ts';
import { describeError, type Log } from '../log.ts';
import { collect } from '../protocol/bytes.ts';
import { TraceError } from '../watermark/errors.ts';
import {
  evidenceName,
  type LeakRecord,
  leakPath,
  MAX_NAMED,
  partNames,
  readLeakRecord,
  type TracedLeak,
} from './leak.ts';
import { noteTrace } from './note-trace.ts';

export interface TraceLeaksServices extends TraceServices {
  readonly config: { readonly buckets: { readonly vault: string; readonly leaks: string } };
  readonly documents: Pick<DocumentStore, 'create' | 'get' | 'query' | 'transaction'>;
  readonly objects: Pick<ObjectStore, 'read' | 'write' | 'deleteTogether'>;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly log: Log;
}

/** What one run did. */
export interface TraceRun {
  readonly traced: number;
  readonly refused: number;
  /** Left to be begun again. */
  readonly failed: number;
}

/** After so long no further version or thousand grants are begun, and a comparison is ended. */
const WORK_MS = 8 * 60_000;
/** Longer than the platform lets a run live (infra/functions.tf), so that nobody works on what is still worked on. */
const LEASE_MS = 16 * 60_000;
const MAX_ATTEMPTS = 2;
/** Seconds and half a gigabyte for 28 MB of its structure. */
const MAX_BYTES = 64 * 2 ** 20;
/** Looked at in a run to find one to trace. */
const LOOKED_AT = 50;

/** In stable words, as docs/ops/console.md explains them. */
type RefusalWord =
  | 'incomplete'
  | 'not_as_announced'
  | 'not_a_model'
  | 'too_large'
  | 'too_long'
  | 'gave_up'
  | 'failed'
  | 'unreadable';

class LeakRefusal extends Error {
  readonly word: RefusalWord;
  constructor(word: RefusalWord) {
    super(`leak refused: ${word}`);
    this.word = word;
  }
}

/** Traces the file that waits longest. */
export async function traceLeaks(services: TraceLeaksServices, now: Date): Promise<TraceRun> {
  const run = { traced: 0, refused: 0, failed: 0 };
  const { queue, unreadable } = await openLeaks(services);
  for (const path of unreadable) {
    run.refused += 1;
    await refuseUnreadable(services, path, now);
  }
  const leak = await claimNext(services, queue, now, async (givenUp) => {
    run.refused += 1;
    await deleteParts(services, givenUp);
  });
  if (!leak) return run;
  try {
    const result = await traceOne(services, leak, now);
    await answer(services, leak, { state: 'done', result });
    run.traced += 1;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) {
      services.log('ERROR', 'leak not traced', { leak: leak.leakId, ...describeError(error) });
      await answer(services, leak, { state: 'waiting' });
      return { ...run, failed: 1 };
    }
    await answer(services, leak, { state: 'refused', refusal });
    run.refused += 1;
  }
  await deleteParts(services, leak);
  return run;
}

/** What waits or is worked on, the oldest first. */
async function openLeaks({ documents }: TraceLeaksServices) {
  const inState = (state: LeakRecord['state']) =>
    documents.query({ collection: 'leaks', where: [['state', '==', state]], limit: LOOKED_AT });
  const found = (await Promise.all([inState('running'), inState('waiting')])).flat();
  const { values, unreadable } = readEach(found, ({ data }) => readLeakRecord(data));
  const queue = [...values].sort((a, b) => a.openedAt.getTime() - b.openedAt.getTime());
  return { queue, unreadable };
}

/** Takes it out of the queue, where it would have a place for ever. Its file the bucket's lifecycle deletes. */
async function refuseUnreadable(
  { documents, log }: TraceLeaksServices,
  path: string,
  now: Date,
): Promise<void> {
  log('ERROR', 'leak unreadable', { path });
  const refusal: RefusalWord = 'unreadable';
  await documents.transaction(async (tx) =>
    tx.update(path, { state: 'refused', refusal, answeredAt: now, leaseUntil: null }),
  );
}

/** The first that is free, with a lease; those that were begun too often are refused. */
async function claimNext(
  { documents }: TraceLeaksServices,
  queue: readonly LeakRecord[],
  now: Date,
  onRefused: (leak: LeakRecord) => Promise<void>,
): Promise<LeakRecord | undefined> {
  for (const { leakId } of queue) {
    const claimed = await documents.transaction(async (tx) => {
      const [data] = await tx.getAll([leakPath(leakId)]);
      const leak = data && readLeakRecord(data);
      if (!leak || !isFree(leak, now)) return undefined;
      if (leak.attempts >= MAX_ATTEMPTS) {
        const refusal: RefusalWord = leak.state === 'waiting' ? 'failed' : 'too_long';
        const refused = { state: 'refused', refusal, answeredAt: now } as const;
        tx.update(leakPath(leakId), { ...refused, leaseUntil: null });
        return { ...leak, ...refused };
      }
      const lease = {
        state: 'running' as const,
        attempts: leak.attempts + 1,
        leaseUntil: new Date(now.getTime() + LEASE_MS),
      };
      tx.update(leakPath(leakId), lease);
      return { ...leak, ...lease };
    });
    if (claimed?.state === 'refused') await onRefused(claimed);
    else if (claimed) return claimed;
  }
  return undefined;
}

const isFree = ({ state, leaseUntil }: LeakRecord, now: Date): boolean =>
  state === 'waiting' || (state === 'running' && leaseUntil !== null && leaseUntil <= now);

async function traceOne(
  services: TraceLeaksServices,
  leak: LeakRecord,
  began: Date,
): Promise<TracedLeak> {
  const bytes = await readFile(services, leak);
  const leftMs = () => WORK_MS - (services.now().getTime() - began.getTime());
  const onProgress = () => {
    if (leftMs() < 0) throw new LeakRefusal('too_long');
  };
  const result = await traceLeak(services, bytes, {
    ...(leak.model !== null && { model: leak.model }),
    ...{ maxBytes: MAX_BYTES, leftMs, onProgress },
  });
  try {
    // On record before anybody sees a name.
    await noteTrace(services, result, leak);
    const innocents = result.comparison
      ? await innocentDeviations(result.comparison, services.randomBytes)
      : [];
    const evidence = evidenceOf(result, { by: leak.by, now: services.now(), innocents });
    await writeEvidence(services, leak, evidence);
    return viewOf(result);
  } finally {
    result.comparison?.traceKey.fill(0);
  }
}

/** Twice, if need be: while nothing but numbers was worked on, a connection that waited may have ended unseen. */
async function writeEvidence(
  { objects, config }: TraceLeaksServices,
  { leakId }: LeakRecord,
  evidence: object,
): Promise<void> {
  const text = new TextEncoder().encode(`${JSON.stringify(evidence, null, 2)}\n`);
  const write = () => {
    const body = (async function* () {
      yield text;
    })();
    return objects.write(config.buckets.leaks, evidenceName(leakId), body);
  };
  await write().catch((error: unknown) => {
    if (error instanceof UpstreamError) return write();
    throw error;
  });
}

/** The file in one piece. Throws LeakRefusal where it is not what was announced. */
async function readFile(
  { objects, config }: TraceLeaksServices,
  leak: LeakRecord,
): Promise<Uint8Array> {
  const file = new Uint8Array(leak.sizeBytes);
  let at = 0;
  for (const name of partNames(leak)) {
    const left = file.byteLength - at;
    const part = await collect(objects.read(config.buckets.leaks, name), left).catch(
      (error: unknown) => {
        throw error instanceof ObjectMissingError ? new LeakRefusal('incomplete') : error;
      },
    );
    file.set(part, at);
    at += part.byteLength;
  }
  const digest = createHash('sha256').update(file).digest('base64url');
  if (digest !== leak.sha256) throw new LeakRefusal('not_as_announced');
  return file;
}

function viewOf(result: TraceResult): TracedLeak {
  const { comparison, foreign, unreadable, tested, decoded, findings } = result;
  const bounds = [decoded, ...findings].flatMap((finding) => finding?.log10P ?? []);
  return {
    of: comparison
      ? {
          model: comparison.version.modelId,
          version: comparison.version.version,
          tracing: comparison.strength,
          tensors: comparison.reading.pairs.length,
          coverage: comparison.reading.coverage,
          resemblance: comparison.resemblance,
        }
      : null,
    ...{ foreign, unreadable: unreadable.length },
    grantsTested: tested,
    log10P: bounds.length > 0 ? Math.min(...bounds) : null,
    named: result.named.slice(0, MAX_NAMED).map(({ name, log10P, deviceLog10P, records }) => ({
      ...{ name, log10P, deviceLog10P: deviceLog10P ?? null, grants: records.length },
      user: records[0]?.user ?? null,
      device: records[0]?.device ?? null,
      grantedAt: records[0]?.createdAt ?? null,
    })),
  };
}

function refusalOf(error: unknown): RefusalWord | undefined {
  if (error instanceof LeakRefusal) return error.word;
  if (!(error instanceof TraceError)) return undefined;
  const words: Partial<Record<TraceError['code'], RefusalWord>> = {
    'too-large': 'too_large',
    'gave-up': 'gave_up',
  };
  return words[error.code] ?? 'not_a_model';
}

interface Answer {
  readonly state: 'done' | 'refused' | 'waiting';
  readonly result?: TracedLeak;
  readonly refusal?: string;
}

/** Only while the lease is still this run's. */
async function answer(
  { documents, now }: TraceLeaksServices,
  { leakId, attempts }: LeakRecord,
  { state, result, refusal }: Answer,
): Promise<void> {
  await documents.transaction(async (tx) => {
    const [data] = await tx.getAll([leakPath(leakId)]);
    const leak = data && readLeakRecord(data);
    if (leak?.state !== 'running' || leak.attempts !== attempts) return;
    tx.update(leakPath(leakId), {
      ...{ state, leaseUntil: null, answeredAt: state === 'waiting' ? null : now() },
      ...(result && { result: { ...result, named: [...result.named] } }),
      ...(refusal !== undefined && { refusal }),
    });
  });
}

/** The file is needed no more; what is left of it the bucket's lifecycle deletes. */
async function deleteParts(
  { objects, config, log }: TraceLeaksServices,
  leak: LeakRecord,
): Promise<void> {
  const names = partNames(leak);
  for (let at = 0; at < names.length; at += MAX_DELETED_TOGETHER) {
    await objects
      .deleteTogether(config.buckets.leaks, names.slice(at, at + MAX_DELETED_TOGETHER))
      .catch((error: unknown) => log('WARNING', 'leak not deleted', { ...describeError(error) }));
  }
}
