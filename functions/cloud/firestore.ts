import { setTimeout as sleep } from 'node:timers/promises';
import type * as firestore from '@google-cloud/firestore';
import { callUpstream } from './deadline.ts';
import type { DocumentQuery, DocumentStore } from './documents.ts';
import { type Client, runTransaction, translate } from './firestore-transaction.ts';
import { dataOf, fromFirestore } from './firestore-values.ts';
import { lazy } from './lazy.ts';

export interface FirestoreOptions {
  readonly projectId: string;
  /** `(default)` where absent. */
  readonly databaseId?: string;
  /** Another service than Google's, such as `http://127.0.0.1:8080`; `http:` means without TLS and credentials. */
  readonly endpoint?: string;
  /** For one call; a transaction may take three times as long. 10,000 where absent. */
  readonly timeoutMs?: number;
  /** Waits before a transaction runs again; the clock's where absent. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** The remote calls that this module leads to. */
const METHODS = ['BatchGetDocuments', 'RunQuery', 'BeginTransaction', 'Commit', 'Rollback'];

/** The document store in Cloud Firestore; its client is loaded on first use. */
export function firestoreDocuments(
  options: FirestoreOptions,
): DocumentStore & { close(): Promise<void> } {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const pause = options.pause ?? sleep;
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
    transaction: (work) => runTransaction(client.get, { timeoutMs: timeoutMs * 3, pause }, work),
    close: async () => {
      await (await client.current())?.db.terminate();
    },
  };
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

function toQuery(db: firestore.Firestore, query: DocumentQuery): firestore.Query {
  let built: firestore.Query = db.collection(query.collection);
  for (const [field, op, value] of query.where ?? []) built = built.where(field, op, value);
  if (query.orderBy) built = built.orderBy(...query.orderBy);
  if (query.after !== undefined) {
    built = built.orderBy('__name__').startAfter(db.doc(query.after));
  }
  return built.limit(query.limit);
}
