/** Cloud clients that write down which permissions of Google's each call takes: the IAM table's left side. */
import type { DocumentStore, DocumentTransaction } from '../../functions/cloud/documents.ts';
import type { EventPublisher } from '../../functions/cloud/event-publisher.ts';
import type { KeyService } from '../../functions/cloud/keys.ts';
import type { ObjectStore } from '../../functions/cloud/objects.ts';
import type { CloudClients } from '../../functions/services.ts';

/** Takes `permission` on a resource such as `bucket vault`. */
export type RecordPermission = (resource: string, permission: string) => void;

/** `purposeOf` turns a bucket's or topic's name into what it is for. */
export function tracedClients(
  clients: CloudClients,
  record: RecordPermission,
  purposeOf: (name: string) => string,
): CloudClients {
  return {
    documents: tracedDocuments(clients.documents, (permission) =>
      record('database', `datastore.${permission}`),
    ),
    objects: tracedObjects(clients.objects, (bucket, permission) =>
      record(`bucket ${purposeOf(bucket)}`, `storage.objects.${permission}`),
    ),
    keys: tracedKeys(clients.keys, (key, permission) =>
      record(`key ${key}`, `cloudkms.cryptoKeyVersions.${permission}`),
    ),
    publisher: tracedPublisher(clients.publisher, (topic) =>
      record(`topic ${purposeOf(topic)}`, 'pubsub.topics.publish'),
    ),
  };
}

/** https://cloud.google.com/firestore/docs/security/iam#required_permissions */
function tracedDocuments(documents: DocumentStore, takes: (permission: string) => void) {
  const read = () => takes('entities.get');
  const written = (...permissions: readonly string[]) => {
    for (const permission of permissions) takes(`entities.${permission}`);
  };
  const inTransaction = (tx: DocumentTransaction): DocumentTransaction => ({
    getAll: (paths) => {
      read();
      return tx.getAll(paths);
    },
    create: (path, data) => {
      written('create');
      tx.create(path, data);
    },
    // Makes the document where there is none.
    set: (path, data) => {
      written('create', 'update');
      tx.set(path, data);
    },
    update: (path, fields) => {
      written('update');
      tx.update(path, fields);
    },
    delete: (path) => {
      written('delete');
      tx.delete(path);
    },
  });
  const traced: DocumentStore = {
    get: (path) => {
      read();
      return documents.get(path);
    },
    create: (path, data) => {
      written('create');
      return documents.create(path, data);
    },
    set: (path, data) => {
      written('create', 'update');
      return documents.set(path, data);
    },
    delete: (path) => {
      written('delete');
      return documents.delete(path);
    },
    query: (query) => {
      read();
      takes('entities.list');
      return documents.query(query);
    },
    transaction: (work) => {
      takes('databases.get');
      return documents.transaction((tx) => work(inTransaction(tx)));
    },
  };
  return traced;
}

/** https://cloud.google.com/storage/docs/access-control/iam-json */
function tracedObjects(
  objects: ObjectStore,
  takes: (bucket: string, permission: string) => void,
): ObjectStore {
  return {
    read: (bucket, ...rest) => {
      takes(bucket, 'get');
      return objects.read(bucket, ...rest);
    },
    write: (bucket, name, body, options) => {
      takes(bucket, 'create');
      // Who replaces deletes.
      if (!options?.ifAbsent) takes(bucket, 'delete');
      return objects.write(bucket, name, body, options);
    },
    stat: (bucket, name) => {
      takes(bucket, 'get');
      return objects.stat(bucket, name);
    },
    delete: (bucket, ...rest) => {
      takes(bucket, 'delete');
      return objects.delete(bucket, ...rest);
    },
    deleteTogether: (bucket, names) => {
      takes(bucket, 'delete');
      return objects.deleteTogether(bucket, names);
    },
    list: (bucket, prefix) => {
      takes(bucket, 'list');
      return objects.list(bucket, prefix);
    },
  };
}

/** https://cloud.google.com/kms/docs/reference/permissions-and-roles */
function tracedKeys(keys: KeyService, takes: (key: string, permission: string) => void) {
  const traced: KeyService = {
    wrap: (...args) => {
      takes('vault', 'useToEncrypt');
      return keys.wrap(...args);
    },
    unwrap: (...args) => {
      takes('vault', 'useToDecrypt');
      return keys.unwrap(...args);
    },
    signingKid: (key) => keys.signingKid(key),
    sign: (kid, message) => {
      takes(kid.split('.')[0] ?? '', 'useToSign');
      return keys.sign(kid, message);
    },
    publicKeys: (key) => {
      takes(key, 'viewPublicKey');
      return keys.publicKeys(key);
    },
  };
  return traced;
}

const tracedPublisher = (
  publisher: EventPublisher,
  takes: (topic: string) => void,
): EventPublisher => ({
  ...publisher,
  publish: (topic, ...rest) => {
    takes(topic);
    return publisher.publish(topic, ...rest);
  },
});
