/** Cloud clients that count what Google bills and limits: the use of each service by whoever holds them. */
import type { DocumentStore, DocumentTransaction } from '../../functions/cloud/documents.ts';
import type { EventPublisher } from '../../functions/cloud/event-publisher.ts';
import type { KeyService } from '../../functions/cloud/keys.ts';
import type { ObjectStore } from '../../functions/cloud/objects.ts';
import type { CloudClients } from '../../functions/services.ts';

export const OPERATIONS = [
  'firestore reads',
  'firestore writes',
  'firestore deletes',
  'kms requests',
  'storage class A',
  'storage class B',
  'storage deletes',
  'pubsub messages',
] as const;
export type Operation = (typeof OPERATIONS)[number];
export type Count = (operation: Operation, times?: number) => void;

export function countedClients(clients: CloudClients, count: Count): CloudClients {
  return {
    documents: countedDocuments(clients.documents, count),
    objects: countedObjects(clients.objects, count),
    keys: countedKeys(clients.keys, count),
    publisher: countedPublisher(clients.publisher, count),
  };
}

/**
 * A document that is asked for and not there counts as read, and so does a query that finds none
 * (https://cloud.google.com/firestore/pricing).
 */
function countedDocuments(documents: DocumentStore, count: Count): DocumentStore {
  const inTransaction = (tx: DocumentTransaction): DocumentTransaction => ({
    getAll: (paths) => {
      count('firestore reads', paths.length);
      return tx.getAll(paths);
    },
    create: (...args) => {
      count('firestore writes');
      tx.create(...args);
    },
    set: (...args) => {
      count('firestore writes');
      tx.set(...args);
    },
    update: (...args) => {
      count('firestore writes');
      tx.update(...args);
    },
    delete: (path) => {
      count('firestore deletes');
      tx.delete(path);
    },
  });
  return {
    get: (path) => {
      count('firestore reads');
      return documents.get(path);
    },
    create: (...args) => {
      count('firestore writes');
      return documents.create(...args);
    },
    set: (...args) => {
      count('firestore writes');
      return documents.set(...args);
    },
    delete: (path) => {
      count('firestore deletes');
      return documents.delete(path);
    },
    query: async (query) => {
      const found = await documents.query(query);
      count('firestore reads', Math.max(1, found.length));
      return found;
    },
    transaction: (work) => documents.transaction((tx) => work(inTransaction(tx))),
  };
}

/** Classes of operations: https://cloud.google.com/storage/pricing#operations-by-class. */
function countedObjects(objects: ObjectStore, count: Count): ObjectStore {
  return {
    read: (...args) => {
      count('storage class B');
      return objects.read(...args);
    },
    write: (...args) => {
      count('storage class A');
      return objects.write(...args);
    },
    stat: (...args) => {
      count('storage class B');
      return objects.stat(...args);
    },
    delete: (...args) => {
      count('storage deletes');
      return objects.delete(...args);
    },
    deleteTogether: (bucket, names) => {
      count('storage deletes', names.length);
      return objects.deleteTogether(bucket, names);
    },
    list: (...args) => {
      count('storage class A');
      return objects.list(...args);
    },
  };
}

function countedKeys(keys: KeyService, count: Count): KeyService {
  const counted =
    <A extends unknown[], T>(call: (...args: A) => T) =>
    (...args: A): T => {
      count('kms requests');
      return call(...args);
    };
  return {
    wrap: counted(keys.wrap),
    unwrap: counted(keys.unwrap),
    signingKid: keys.signingKid,
    sign: counted(keys.sign),
    // Asked once by an instance: the client keeps them.
    publicKeys: keys.publicKeys,
  };
}

const countedPublisher = (publisher: EventPublisher, count: Count): EventPublisher => ({
  ...publisher,
  publish: (...args) => {
    count('pubsub messages');
    return publisher.publish(...args);
  },
});
