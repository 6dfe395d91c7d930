import type * as firestore from '@google-cloud/firestore';
import { callUpstream } from './deadline.ts';
import {
  type DocumentData,
  DocumentExistsError,
  DocumentMissingError,
  type DocumentQuery,
  type DocumentStore,
  type DocumentTransaction,
  type DocumentValue,
} from './documents.ts';
import { lazy } from './lazy.ts';

export interface FirestoreOptions {
  readonly projectId: string;
  /** `(default)` where absent. */
  readonly databaseId?: string;
  /** Another service than Google's, such as `http://127.0.0.1:8080`; `http:` means without TLS and credentials. */
  readonly endpoint?: string;
  /** For one call; a transaction may take three times as long. 10,000 where absent. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** The remote calls that this module leads to. */
const METHODS = ['BatchGetDocuments', 'RunQuery', 'BeginTransaction', 'Commit', 'Rollback'];

// gRPC status codes (google.rpc.Code).
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;

/** The document store in Cloud Firestore; its client is loaded on first use. */
export function firestoreDocuments(
  options: FirestoreOptions,
): DocumentStore & { close(): Promise<void> } {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const client = lazy(() => connect(options));
  const call = <T>(
    operation: string,
    paths: readonly string[],
    work: (db: firestore.Firestore) => Promise<T>,
  ): Promise<T> =>
    callUpstream(
      { service: 'firestore', operation, timeoutMs },
      async () => work((await client.get()).db),
      (error) => translate(error, paths),
    );

  return {
    get: (path) => call('get', [path], async (db) => dataOf(await db.doc(path).get())),
    create: (path, data) =>
      call('create', [path], async (db) => {
        await db.doc(path).create(data);
      }),
    set: (path, data) =>
      call('set', [path], async (db) => {
        await db.doc(path).set(data);
      }),
    delete: (path) =>
      call('delete', [path], async (db) => {
        await db.doc(path).delete();
      }),
    query: (query) =>
      call('query', [], async (db) => {
        const found = await toQuery(db, query).get();
        return found.docs.map((doc) => ({ path: doc.ref.path, data: fromFirestore(doc.data()) }));
      }),
    transaction: (work) => runTransaction(client.get, timeoutMs * 3, work),
    close: async () => {
      await (await client.current())?.db.terminate();
    },
  };
}

interface Client {
  readonly db: firestore.Firestore;
  readonly FieldPath: typeof firestore.FieldPath;
}

async function connect(options: FirestoreOptions): Promise<Client> {
  const { Firestore, FieldPath } = await import('@google-cloud/firestore');
  const endpoint = options.endpoint === undefined ? undefined : new URL(options.endpoint);
  const db = new Firestore({
    clientConfig: boundedBy(options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
    projectId: options.projectId,
    ...(options.databaseId !== undefined && { databaseId: options.databaseId }),
    ...(endpoint && { host: endpoint.host, ssl: endpoint.protocol === 'https:' }),
  });
  return { db, FieldPath };
}

/** Client settings by which no call goes on for minutes after its caller gave up. */
function boundedBy(timeoutMs: number): object {
  const retry = {
    initial_retry_delay_millis: 100,
    retry_delay_multiplier: 1.3,
    max_retry_delay_millis: timeoutMs,
    initial_rpc_timeout_millis: timeoutMs,
    rpc_timeout_multiplier: 1,
    max_rpc_timeout_millis: timeoutMs,
    total_timeout_millis: timeoutMs,
  };
  const method = { timeout_millis: timeoutMs, retry_params_name: 'bounded' };
  const methods = Object.fromEntries(METHODS.map((name) => [name, method]));
  return {
    interfaces: { 'google.firestore.v1.Firestore': { retry_params: { bounded: retry }, methods } },
  };
}

/** Carries an error of the work past the client, which would retry on some values of `code`. */
class WorkFailure extends Error {
  override readonly name = 'WorkFailure';
}

async function runTransaction<T>(
  connected: () => Promise<Client>,
  timeoutMs: number,
  work: (tx: DocumentTransaction) => Promise<T>,
): Promise<T> {
  const expired = AbortSignal.timeout(timeoutMs);
  const created: string[] = [];
  const updated: string[] = [];
  return callUpstream(
    { service: 'firestore', operation: 'transaction', timeoutMs },
    async () => {
      const client = await connected();
      return client.db.runTransaction(async (tx) => {
        created.length = 0;
        updated.length = 0;
        const readFailures = new Set<unknown>();
        const facade = transactionFacade(client, tx, { created, updated, readFailures });
        const result = await work(facade).catch((error: unknown) => {
          throw readFailures.has(error) ? error : new WorkFailure('', { cause: error });
        });
        // The caller was told that this timed out: it must not take effect later.
        expired.throwIfAborted();
        return result;
      });
    },
    (error) => {
      if (error instanceof WorkFailure) return error.cause;
      return translate(error, codeOf(error) === ALREADY_EXISTS ? created : updated);
    },
  );
}

interface TransactionLog {
  readonly created: string[];
  readonly updated: string[];
  /** The client's own errors: by them, passed on as they are, it knows when to retry. */
  readonly readFailures: Set<unknown>;
}

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

function toQuery(db: firestore.Firestore, query: DocumentQuery): firestore.Query {
  let built: firestore.Query = db.collection(query.collection);
  for (const [field, op, value] of query.where ?? []) built = built.where(field, op, value);
  if (query.orderBy) built = built.orderBy(...query.orderBy);
  if (query.after !== undefined) {
    built = built.orderBy('__name__').startAfter(db.doc(query.after));
  }
  return built.limit(query.limit);
}

function dataOf(snapshot: firestore.DocumentSnapshot): DocumentData | undefined {
  const data = snapshot.data();
  return data === undefined ? undefined : fromFirestore(data);
}

function fromFirestore(data: firestore.DocumentData): DocumentData {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, fromFirestoreValue(value)]),
  );
}

function fromFirestoreValue(value: unknown): DocumentValue {
  if (typeof value !== 'object' || value === null) return value as DocumentValue;
  if (Array.isArray(value)) return value.map(fromFirestoreValue);
  if ('toDate' in value) return (value as firestore.Timestamp).toDate();
  return fromFirestore(value);
}

/** The error of the port for a create of, or an update to, one of `paths`, if the service refused for that. */
function translate(error: unknown, paths: readonly string[]): Error | undefined {
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
