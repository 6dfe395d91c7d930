/** The cloud in memory, with a schedule's faults in it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { DocumentStore } from '../../functions/cloud/documents.ts';
import type { EventPublisher } from '../../functions/cloud/event-publisher.ts';
import type { KeyService } from '../../functions/cloud/keys.ts';
import type { ObjectStore } from '../../functions/cloud/objects.ts';
import { UpstreamError, type UpstreamService } from '../../functions/cloud/upstream-error.ts';
import type { CloudClients } from '../../functions/services.ts';
import { forever, running } from './instance.ts';
import type { Fault, Part } from './schedule.ts';

/** Deals out a schedule's faults, call by call. */
export interface FaultPlan {
  /** What befalls the next call to `part`. */
  next(part: Part): Fault | undefined;
  /** Those that were met. */
  readonly met: readonly Fault[];
  /** From here on nothing goes wrong. */
  end(): void;
}

export function createFaultPlan(faults: readonly Fault[]): FaultPlan {
  const calls = new Map<Part, number>();
  const met: Fault[] = [];
  let ended = false;
  return {
    met,
    next(part) {
      const call = calls.get(part) ?? 0;
      calls.set(part, call + 1);
      const fault = faults.find((each) => each.part === part && each.call === call);
      if (ended || !fault) return undefined;
      met.push(fault);
      return fault;
    },
    end() {
      ended = true;
    },
  };
}

const SLOW_MS = 20;

/** Gives what `work` gives, unless a fault befalls it or the instance dies. */
async function call<T>(
  plan: FaultPlan,
  [service, operation]: readonly [UpstreamService, string],
  work: (fault: Fault | undefined) => Promise<T>,
): Promise<T> {
  const instance = running.getStore();
  if (instance?.killed) return forever();
  const clock = plan.next('clock');
  if (clock && instance) instance.skewMs += clock.amount * 1000;
  const fault = plan.next(service);
  switch (fault?.kind) {
    case 'refused':
      throw new UpstreamError(service, operation);
    case 'slow':
      await pause(SLOW_MS);
      break;
    case 'hung':
      await pause(SLOW_MS);
      throw new UpstreamError(service, operation, { timedOut: true });
    case 'killed-before':
      instance?.kill();
      return forever();
  }
  const result = await work(fault);
  if (fault?.kind === 'answer-lost') {
    throw new UpstreamError(service, operation, { timedOut: true });
  }
  if (fault?.kind === 'killed-after') instance?.kill();
  return instance?.killed ? forever() : result;
}

export function faultyCloud(cloud: CloudClients, plan: FaultPlan): CloudClients {
  return {
    documents: faultyDocuments(cloud.documents, plan),
    objects: faultyObjects(cloud.objects, plan),
    keys: faultyKeys(cloud.keys, plan),
    publisher: faultyPublisher(cloud.publisher, plan),
  };
}

function faultyDocuments(documents: DocumentStore, plan: FaultPlan): DocumentStore {
  const on = <T>(operation: string, work: () => Promise<T>) =>
    call(plan, ['firestore', operation], work);
  return {
    get: (path) => on('get', () => documents.get(path)),
    create: (path, data) => on('create', () => documents.create(path, data)),
    set: (path, data) => on('set', () => documents.set(path, data)),
    delete: (path) => on('delete', () => documents.delete(path)),
    query: (query) => on('query', () => documents.query(query)),
    transaction: (work) => on('transaction', () => documents.transaction(work)),
  };
}

function faultyKeys(keys: KeyService, plan: FaultPlan): KeyService {
  const on = <T>(operation: string, work: () => Promise<T>) => call(plan, ['kms', operation], work);
  return {
    wrap: (secret, aad) => on('wrap', () => keys.wrap(secret, aad)),
    unwrap: (wrapped, aad) => on('unwrap', () => keys.unwrap(wrapped, aad)),
    signingKid: (key) => keys.signingKid(key),
    sign: (kid, message) => on('sign', () => keys.sign(kid, message)),
    publicKeys: (key) => on('publicKeys', () => keys.publicKeys(key)),
  };
}

function faultyPublisher(publisher: EventPublisher, plan: FaultPlan): EventPublisher {
  return {
    publish: (topic, data, attributes) =>
      call(plan, ['pubsub', 'publish'], async (fault) => {
        await publisher.publish(topic, data, attributes);
        if (fault?.kind === 'delivered-twice') await publisher.publish(topic, data, attributes);
      }),
  };
}

function faultyObjects(objects: ObjectStore, plan: FaultPlan): ObjectStore {
  const on = <T>(operation: string, work: (fault: Fault | undefined) => Promise<T>) =>
    call(plan, ['storage', operation], work);
  return {
    async *read(bucket, name, range, generation) {
      const fault = await on('read', async (found) => found);
      // A checksum covers whole objects; parts are protected by TLS alone.
      if (range && fault?.kind === 'corrupted')
        yield* objects.read(bucket, name, range, generation);
      else yield* troubled(objects.read(bucket, name, range, generation), fault);
    },
    write: (bucket, name, body, options) =>
      on('write', (fault) => objects.write(bucket, name, troubled(body, fault), options)),
    stat: (bucket, name) => on('stat', () => objects.stat(bucket, name)),
    delete: (bucket, name, generation) =>
      on('delete', () => objects.delete(bucket, name, generation)),
    deleteTogether: (bucket, names) => on('delete', () => objects.deleteTogether(bucket, names)),
    async *list(bucket, prefix) {
      await on('list', async () => undefined);
      yield* objects.list(bucket, prefix);
    },
  };
}

/** The bytes, up to where `fault` breaks them off, changes one of them or kills the instance. */
async function* troubled(
  source: AsyncIterable<Uint8Array>,
  fault: Fault | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  for await (const chunk of source) {
    const at = (fault?.amount ?? 0) - done;
    const isHere = at >= 0 && at < chunk.byteLength;
    done += chunk.byteLength;
    if (isHere && fault?.kind === 'broken-off') throw new UpstreamError('storage', 'stream');
    if (isHere && fault?.kind === 'killed-within') {
      running.getStore()?.kill();
      await forever();
    }
    const changed = chunk.slice();
    if (isHere && fault?.kind === 'corrupted') changed[at] = (changed[at] ?? 0) ^ 1;
    yield changed;
  }
  // The checksum tells at the end, to the reader as to the service that stores.
  if (fault?.kind === 'corrupted') throw new UpstreamError('storage', 'checksum');
}
