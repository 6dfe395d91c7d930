/**
 * A leaked file that somebody brings to the console, and what came of tracing it (docs/decisions/0025): a
 * document says who asked and how it stands; the file lies in a bucket of its own, in parts, until it is traced.
 */
import { z } from 'zod';
import { documentKind, readEach } from '../cloud/document-kind.ts';
import { type DocumentData, DocumentExistsError, type DocumentStore } from '../cloud/documents.ts';
import { ObjectExistsError, ObjectMissingError, type ObjectStore } from '../cloud/objects.ts';
import { ServiceError } from '../errors.ts';
import { modelId } from '../identity/client-data.ts';
import { collect } from '../protocol/bytes.ts';
import { fromBase64url } from '../protocol/encoding.ts';
import { DAY_MS } from '../time.ts';
import { auditEntry } from './audit.ts';

/** A larger one is for `modelseal trace`, on a machine with memory for it. */
const MAX_LEAK_BYTES = 32 * 2 ** 20;
/** In base64 it passes with what any request may have. */
const PART_BYTES = 128 * 1024;
const MAX_EVIDENCE_BYTES = 64 * 2 ** 20;
/** Of document, file and evidence; the bucket's lifecycle says the same (infra/buckets.tf). */
const RETENTION_MS = 7 * DAY_MS;
const SHOWN = 50;
/** More colluders than any trace has told apart. */
export const MAX_NAMED = 100;

const leakId = z.string().regex(/^l_[\w-]{22}$/);
const sha256 = z.string().regex(/^[\w-]{43}$/);
const wanted = {
  /** Made by the page: one that is asked for again is the same. */
  leakId,
  /** The model that it is held against; null for all. */
  model: modelId.nullable(),
  sizeBytes: z.int().min(1).max(MAX_LEAK_BYTES),
  /** Of the file, base64url. */
  sha256,
  reason: z.string().trim().min(3).max(500),
};

/** What the page sends before the file. */
export const wantedLeak = z.strictObject(wanted);
type WantedLeak = z.infer<typeof wantedLeak>;

const MAX_PARTS = MAX_LEAK_BYTES / PART_BYTES;
const MAX_BASE64 = Math.ceil((PART_BYTES * 4) / 3);
/** A part of the file, from 0, as base64url without padding. */
export const leakPart = z.strictObject({
  part: z
    .int()
    .min(0)
    .max(MAX_PARTS - 1),
  data: z.string().min(1).max(MAX_BASE64),
});

const named = z.object({
  /** A grant's identifier, or a copy's fingerprint. */
  name: z.string(),
  /** Of the first grant of that copy; null where there is none on record any more. */
  user: z.string().nullable(),
  device: z.string().nullable(),
  grantedAt: z.date().nullable(),
  grants: z.int(),
  log10P: z.number(),
  /** The bound for another device of the same user, where devices are told apart. */
  deviceLog10P: z.number().nullable(),
});

const traced = z.object({
  /** Null where the file is of no traced model. */
  of: z
    .object({
      model: z.string(),
      version: z.string(),
      tracing: z.string(),
      tensors: z.int(),
      /** Of the marks, the share that could be compared, and of the weights, how closely they resemble ours: 0 to 1. */
      coverage: z.number(),
      resemblance: z.number(),
    })
    .nullable(),
  /** Versions whose weights were looked for in vain: those with its structure, and others. */
  foreign: z.object({ alike: z.int(), unlike: z.int() }),
  /** Records of ours that could not be read, and were held against nothing. */
  unreadable: z.int().default(0),
  grantsTested: z.int(),
  /** Of the likeliest, whether named or not. */
  log10P: z.number().nullable(),
  named: z.array(named).max(MAX_NAMED),
});
export type TracedLeak = z.infer<typeof traced>;

const record = z.object({
  ...wanted,
  by: z.string(),
  openedAt: z.date(),
  state: z.enum(['uploading', 'waiting', 'running', 'done', 'refused']),
  /** How often it was begun, and until when whoever began has it to himself. */
  attempts: z.int(),
  leaseUntil: z.date().nullable(),
  /** Why it was refused, in a stable word. */
  refusal: z.string().nullable(),
  answeredAt: z.date().nullable(),
  result: traced.nullable(),
  expireAt: z.date(),
});
export type LeakRecord = z.infer<typeof record>;

export const leakPath = (id: string): string => `leaks/${id}`;
/** Throws on a document that this code did not write. */
export const readLeakRecord = documentKind('leak', record);

/** A leak as the page shows it. */
export type LeakView = Omit<LeakRecord, 'attempts' | 'leaseUntil'>;

function viewOf({ attempts: _, leaseUntil: __, ...view }: LeakRecord): LeakView {
  return view;
}

/** The newest, first. */
export async function newestLeaks({
  documents,
}: {
  readonly documents: Pick<DocumentStore, 'query'>;
}): Promise<{
  readonly leaks: readonly LeakView[];
  readonly unreadable: readonly string[];
  readonly maxBytes: number;
}> {
  const found = await documents.query({
    collection: 'leaks',
    orderBy: ['openedAt', 'desc'],
    limit: SHOWN,
  });
  const { values, unreadable } = readEach(found, ({ data }) => viewOf(readLeakRecord(data)));
  return { leaks: values, unreadable, maxBytes: MAX_LEAK_BYTES };
}

export interface LeakServices {
  readonly config: { readonly buckets: { readonly leaks: string } };
  readonly documents: Pick<DocumentStore, 'get' | 'transaction'>;
  readonly objects: Pick<ObjectStore, 'read' | 'write'>;
  readonly randomBytes: (size: number) => Uint8Array;
}

/**
 * Begins an upload, and says so in the audit log. Asked again, as after an answer that was lost, it is the
 * same one. Throws request_invalid where another has its name.
 */
export async function openLeak(
  services: LeakServices,
  asked: WantedLeak,
  by: string,
  now: Date,
): Promise<{ readonly partBytes: number }> {
  const expireAt = new Date(now.getTime() + RETENTION_MS);
  const leak: LeakRecord = {
    ...{ ...asked, by, openedAt: now, state: 'uploading', attempts: 0, leaseUntil: null },
    ...{ refusal: null, answeredAt: null, result: null, expireAt },
  };
  const reason = `${asked.reason}; sha256 ${asked.sha256}`;
  const path = leakPath(asked.leakId);
  try {
    await services.documents.transaction(async (tx) => {
      tx.create(path, { ...leak });
      tx.create(...auditEntry(services, 'leak', 'leak-upload', { by, reason }, now));
    });
  } catch (error) {
    if (!(error instanceof DocumentExistsError)) throw error;
    const known = await services.documents.get(path);
    if (!known || !isSame(readLeakRecord(known), leak)) throw invalid('/leakId', 'taken');
  }
  return { partBytes: PART_BYTES };
}

const SAME = ['model', 'sizeBytes', 'sha256', 'reason', 'by'] as const;
const isSame = (a: LeakRecord, b: LeakRecord): boolean =>
  SAME.every((member) => a[member] === b[member]);

const invalid = (pointer: string, detail: string) =>
  new ServiceError('request_invalid', { violations: [{ pointer, detail }] });

/** Keeps one part. What lies there is not replaced. Throws request_invalid for what is no part of his upload. */
export async function putLeakPart(
  services: LeakServices,
  id: string,
  { part, data }: z.infer<typeof leakPart>,
  by: string,
): Promise<void> {
  const leak = await ownUpload(services.documents, id, by);
  const bytes = fromBase64url(data);
  if (bytes?.byteLength !== partLength(leak, part)) throw invalid('/data', 'wrong_length');
  const body = (async function* () {
    yield bytes;
  })();
  try {
    await services.objects.write(services.config.buckets.leaks, partName(id, part), body, {
      ifAbsent: true,
    });
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
  }
}

/** Hands the file on to be traced; done again, it changes nothing. Throws request_invalid where it is not his. */
export async function closeUpload(
  { documents }: Pick<LeakServices, 'documents'>,
  id: string,
  by: string,
): Promise<void> {
  await documents.transaction(async (tx) => {
    const [data] = await tx.getAll([leakPath(checkedId(id))]);
    const leak = requireOwn(data, by);
    if (leak.state === 'uploading') tx.update(leakPath(id), { state: 'waiting' });
  });
}

async function ownUpload(
  documents: Pick<DocumentStore, 'get'>,
  id: string,
  by: string,
): Promise<LeakRecord> {
  const leak = requireOwn(await documents.get(leakPath(checkedId(id))), by);
  if (leak.state !== 'uploading') throw invalid('/leakId', 'upload_over');
  return leak;
}

/** Somebody else's is not told apart from none. */
function requireOwn(data: DocumentData | undefined, by: string): LeakRecord {
  const leak = data && readLeakRecord(data);
  if (leak?.by !== by) throw invalid('/leakId', 'unknown');
  return leak;
}

function checkedId(id: string): string {
  if (!leakId.safeParse(id).success) throw invalid('/leakId', 'unknown');
  return id;
}

/** Names and lengths of a file's parts. */
const partName = (id: string, part: number): string => `${id}/${part}`;
const partsOf = ({ sizeBytes }: Pick<LeakRecord, 'sizeBytes'>): number =>
  Math.ceil(sizeBytes / PART_BYTES);
const partLength = ({ sizeBytes }: Pick<LeakRecord, 'sizeBytes'>, part: number): number =>
  Math.max(0, Math.min(PART_BYTES, sizeBytes - part * PART_BYTES));
export const partNames = (leak: Pick<LeakRecord, 'leakId' | 'sizeBytes'>): readonly string[] =>
  Array.from({ length: partsOf(leak) }, (_, part) => partName(leak.leakId, part));
export const evidenceName = (id: string): string => `${id}/evidence.json`;

/** The evidence of a traced leak, as `modelseal trace --evidence` writes it. Throws request_invalid where there is none. */
export async function leakEvidence(
  { config, objects }: Pick<LeakServices, 'config' | 'objects'>,
  id: string,
): Promise<unknown> {
  try {
    const stored = objects.read(config.buckets.leaks, evidenceName(checkedId(id)));
    const bytes = await collect(stored, MAX_EVIDENCE_BYTES);
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof ObjectMissingError) throw invalid('/leakId', 'no_evidence');
    throw error;
  }
}
