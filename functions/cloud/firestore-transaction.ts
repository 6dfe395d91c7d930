/**
 * Transactions of Firestore, run again by our own waits. Its client (9.4.1, build/src/transaction.js and backoff.js) runs the work
 * five times and waits 0.5 to 1.5 s before the second run already, each wait half as long again, and 30 to 90 s where the
 * service says RESOURCE_EXHAUSTED: a caller of ours who lost against another for one document waited for seconds. It would also
 * run again what may have taken effect, such as a commit whose answer was lost.
 */
import type * as firestore from '@google-cloud/firestore';
import { callUpstream } from './deadline.ts';
import {
  DocumentExistsError,
  DocumentMissingError,
  type DocumentTransaction,
} from './documents.ts';
import { dataOf } from './firestore-values.ts';
import { UpstreamError } from './upstream-error.ts';

export interface Client {
  readonly db: firestore.Firestore;
  readonly FieldPath: typeof firestore.FieldPath;
}

export interface TransactionOptions {
  /** For all runs and waits together. */
  readonly timeoutMs: number;
  /** Waits between two runs. */
  readonly pause: (ms: number) => Promise<unknown>;
}

const MAX_RUNS = 7;
/**
 * The longest first wait, about what a transaction takes; each further one may be twice as long: 6.3 s together. Drawn from all
 * of it, so that those who met once do not meet again (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/,
 * "full jitter").
 */
const FIRST_WAIT_MS = 100;

// gRPC status codes (google.rpc.Code).
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const ABORTED = 10;
/** Of reads: CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, ABORTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED, as the client's own. */
const TRANSIENT = new Set<unknown>([1, 2, 4, ABORTED, 13, 14, 16]);

/** Carries an error of the work past the client, which would take some values of `code` for its own. */
class WorkFailure extends Error {
  override readonly name = 'WorkFailure';
}

/**
 * Runs `work` until its commit takes effect, again only where a run surely had none. Throws what `work` throws,
 * DocumentExistsError and DocumentMissingError, and UpstreamError: `contended` where it lost seven times against others.
 */
export function runTransaction<T>(
  connected: () => Promise<Client>,
  { timeoutMs, pause }: TransactionOptions,
  work: (tx: DocumentTransaction) => Promise<T>,
): Promise<T> {
  const expired = AbortSignal.timeout(timeoutMs);
  let log = emptyLog();
  return callUpstream(
    { service: 'firestore', operation: 'transaction', timeoutMs },
    async () => {
      const client = await connected();
      for (let run = 1; ; run++) {
        log = emptyLog();
        try {
          return await runOnce(client, work, log, expired);
        } catch (error) {
          if (!hadNoEffect(error, log) || expired.aborted) throw error;
          if (run === MAX_RUNS) throw givenUp(error);
        }
        await pause(Math.random() * FIRST_WAIT_MS * 2 ** (run - 1));
      }
    },
    (error) => {
      if (error instanceof WorkFailure) return error.cause;
      return translate(error, codeOf(error) === ALREADY_EXISTS ? log.created : log.updated);
    },
  );
}

const runOnce = <T>(
  client: Client,
  work: (tx: DocumentTransaction) => Promise<T>,
  log: TransactionLog,
  expired: AbortSignal,
): Promise<T> =>
  client.db.runTransaction(
    async (tx) => {
      const result = await work(transactionFacade(client, tx, log)).catch((error: unknown) => {
        throw log.readFailures.has(error) ? error : new WorkFailure('', { cause: error });
      });
      // The caller was told that this timed out: it must not take effect later.
      expired.throwIfAborted();
      return result;
    },
    { maxAttempts: 1 },
  );

/** A read that failed for now, or a commit that the service refused for others' sake. */
function hadNoEffect(error: unknown, { readFailures }: TransactionLog): boolean {
  const code = codeOf(error);
  if (readFailures.has(error)) return TRANSIENT.has(code) || isTransactionOver(error);
  return code === ABORTED || isTransactionOver(error);
}

/** As the service says of a transaction whose time is over. */
const isTransactionOver = (error: unknown): boolean =>
  codeOf(error) === INVALID_ARGUMENT && /transaction has expired/.test((error as Error).message);

const givenUp = (cause: unknown): UpstreamError =>
  new UpstreamError('firestore', 'transaction', { contended: codeOf(cause) === ABORTED, cause });

interface TransactionLog {
  readonly created: string[];
  readonly updated: string[];
  /** Errors of the client, not of the work. */
  readonly readFailures: Set<unknown>;
}

const emptyLog = (): TransactionLog => ({ created: [], updated: [], readFailures: new Set() });

function transactionFacade(
  { db, FieldPath }: Client,
  tx: firestore.Transaction,
  log: TransactionLog,
): DocumentTransaction {
  return {
    getAll: async (paths) => {
      if (paths.length === 0) return [];
      try {
        const found = await tx.getAll(...paths.map((path) => db.doc(path)));
        return found.map(dataOf);
      } catch (error) {
        log.readFailures.add(error);
        throw error;
      }
    },
    create: (path, data) => {
      log.created.push(path);
      tx.create(db.doc(path), data);
    },
    set: (path, data) => {
      tx.set(db.doc(path), data);
    },
    update: (path, fields) => {
      log.updated.push(path);
      // Paths of one segment: in a plain object, a dot in a key would mean nesting.
      const [first, ...more] = Object.entries(fields);
      if (!first) return;
      tx.update(
        db.doc(path),
        new FieldPath(first[0]),
        first[1],
        ...more.flatMap(([field, value]) => [new FieldPath(field), value]),
      );
    },
    delete: (path) => {
      tx.delete(db.doc(path));
    },
  };
}

/** The error of the port for a create of, or an update to, one of `paths`, if the service refused for that. */
export function translate(error: unknown, paths: readonly string[]): Error | undefined {
  const code = codeOf(error);
  if (code !== ALREADY_EXISTS && code !== NOT_FOUND) return undefined;
  // A commit of several writes names the document which failed in its message only.
  const named = paths.filter((path) => (error as Error).message.includes(`/${path}`));
  const [path = paths[0]] = named.sort((a, b) => b.length - a.length);
  if (path === undefined) return undefined;
  const Kind = code === ALREADY_EXISTS ? DocumentExistsError : DocumentMissingError;
  return new Kind(path, { cause: error });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
