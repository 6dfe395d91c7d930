/**
 * Calls every client against a server that accepts connections and never answers, and prints what
 * became of each call as JSON. A program of its own, since the Google clients cannot be closed
 * while they wait.
 */
import { createServer, type Socket } from 'node:net';
import { firestoreDocuments } from '../../functions/cloud/firestore.ts';
import { kmsKeys } from '../../functions/cloud/kms.ts';
import { pubsubPublisher } from '../../functions/cloud/pubsub.ts';
import { storageObjects } from '../../functions/cloud/storage.ts';
import { LOCAL_SIGNING_KEYS } from '../doubles/kms/kms-keys.ts';
import { guardNetwork } from '../support/network-guard.ts';

process.env['METADATA_SERVER_DETECTION'] = 'none';
guardNetwork();

const sockets: Socket[] = [];
const server = createServer((socket) => {
  sockets.push(socket);
  socket.resume().on('error', () => undefined);
});
await new Promise<void>((resolve) => {
  server.listen(0, '127.0.0.1', resolve);
});
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('no TCP port');

const options = {
  projectId: 'hung',
  endpoint: `http://127.0.0.1:${address.port}`,
  timeoutMs: 300,
  topics: {
    events: 'events',
    decisions: 'decisions',
    orders: 'orders',
    'dead-letters': 'dead-letters',
  },
  signingKeys: LOCAL_SIGNING_KEYS,
  keys: { vault: 'k/vault', manifest: 'k/manifest', licence: 'k/licence', device: 'k/device' },
} as const;
const documents = firestoreDocuments(options);
const keys = kmsKeys(options);
const publisher = pubsubPublisher(options);
const objects = storageObjects(options);
const bytes = new Uint8Array(100_000);

async function* body(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 100; i++) yield bytes;
}
async function drain(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _chunk of chunks);
}

const calls: Readonly<Record<string, () => Promise<unknown>>> = {
  'documents.get': () => documents.get('a/b'),
  'documents.create': () => documents.create('a/b', {}),
  'documents.query': () => documents.query({ collection: 'a', limit: 1 }),
  'documents.transaction': () => documents.transaction((tx) => tx.getAll(['a/b'])),
  'keys.wrap': () => keys.wrap(bytes, bytes),
  'keys.unwrap': () => keys.unwrap(bytes, bytes),
  'keys.sign': () => keys.sign('manifest.1', bytes),
  'keys.publicKeys': () => keys.publicKeys('manifest'),
  'publisher.publish': () => publisher.publish('events', {}),
  'objects.read': () => drain(objects.read('b', 'o')),
  'objects.write': () => objects.write('b', 'o', body()),
  'objects.stat': () => objects.stat('b', 'o'),
  'objects.delete': () => objects.delete('b', 'o'),
  'objects.list': () => drain(objects.list('b', '')),
};

const outcomes = await Promise.all(
  Object.entries(calls).map(async ([name, call]) => {
    const startedAt = Date.now();
    const outcome = await call().then(
      () => 'answered',
      (error: Error) => error.message,
    );
    return { name, outcome, elapsedMs: Date.now() - startedAt };
  }),
);
console.log(JSON.stringify(outcomes));
process.exit(0);
