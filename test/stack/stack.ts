import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { JWTPayload } from 'jose';
import { createCloudClients, createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { FUNCTIONS } from '../../functions/registry.ts';
import type { CloudClients, Services } from '../../functions/services.ts';
import { localKeyNames } from '../doubles/kms/kms-keys.ts';
import { startKmsServer } from '../doubles/kms/kms-server.ts';
import { memoryDocuments } from '../doubles/memory/documents.ts';
import { memoryPublisher } from '../doubles/memory/publisher.ts';
import { startOidcIssuer } from '../doubles/oidc-issuer.ts';
import { startGcsServer } from '../doubles/storage/gcs-server.ts';
import { type LocalVendors, startVendors } from '../doubles/vendors.ts';
import { consoleEnvironment } from '../support/console-access.ts';
import type { TestRoots } from '../virtual-phones/test-roots.ts';
import { startConsoleSite } from './console-site.ts';
import { developmentOperator } from './development-operator.ts';
import { developmentPhones } from './development-phones.ts';
import { type DevelopmentServer, startDevelopmentServer } from './development-server.ts';
import {
  emulatorsInEnvironment,
  findEmulators,
  type StartingEmulators,
  startEmulators,
} from './emulators.ts';
import { openEventLog } from './event-log.ts';
import { subscribeEventLog } from './event-log-subscription.ts';
import { wireEvents } from './event-wiring.ts';
import { type FaultyNetwork, startFaultyNetwork } from './faulty-network.ts';
import { exportFirestore, newestExport } from './firestore-state.ts';
import { functionRoutes, startFrontDoor } from './front-door.ts';
import { startFunctionProcesses, startFunctionsInProcess } from './function-host.ts';
import {
  BUCKETS,
  LOCAL_APP,
  localEnvironment,
  openRoots,
  openSecrets,
  PROJECT_ID,
} from './local-environment.ts';
import { freePort } from './ports.ts';
import { createProcessGroup, type ProcessGroup } from './process-group.ts';

export interface StackOptions {
  /** In memory only: what each function gets of the clients. */
  readonly clientsOf?: (name: string, clients: CloudClients) => CloudClients;
  /** Keeps keys, users, objects and documents here for the next start; a temporary folder where absent. */
  readonly stateFolder?: string;
  /** Doubles even where the emulators are there. */
  readonly inMemory?: boolean;
  /** Events and decisions are written there, for `npm run query` and `npm run report`. */
  readonly eventLog?: string;
  /**
   * A network with faults in front of the API, for tests of phones. Nothing is scored then: dozens of
   * new users a minute on one machine are what the rules are made to stop.
   */
  readonly faultyNetwork?: boolean;
  /** Variables of functions/config.ts that differ from the stack's own, such as URL_TTL_SECONDS. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Stack {
  /** `emulators`: Google's own, one process a function. `in-memory`: doubles, all functions in this process. */
  readonly mode: 'emulators' | 'in-memory';
  /** What to install for the emulators, in lines; empty where they run. */
  readonly missing: readonly string[];
  /** The front door, with production's paths. */
  readonly baseUrl: string;
  /** The operators' console, as Firebase Hosting serves it. */
  readonly consoleUrl: string;
  readonly issuer: string;
  /** An ID token of this user. */
  readonly token: (subject: string, claims?: JWTPayload) => Promise<string>;
  /** The test root of virtual devices, and the app that they run. */
  readonly roots: TestRoots;
  readonly app: typeof LOCAL_APP;
  /** What stands for Google's services in attestation. */
  readonly vendors: LocalVendors;
  /** Phones in software and an operator, for clients in other processes. */
  readonly development: DevelopmentServer;
  /** Where it was asked for. */
  readonly network: FaultyNetwork | undefined;
  /** The environment of the functions. */
  readonly environment: Readonly<Record<string, string>>;
  /** The clients that the functions have, or clients of the same services. */
  readonly clients: CloudClients;
  /** What an operator's tools work with. */
  readonly operator: Services;
  readonly runScheduled: (name: string) => Promise<number>;
  readonly logFolder: string;
  /** What runs where, in lines. */
  readonly summary: readonly string[];
  /** Ends everything; a temporary folder goes with it. */
  stop(): Promise<void>;
}

/** Folders within the state folder. */
const LOGS = 'logs';
const EXPORTS = 'firestore';

type Cleanup = () => Promise<void> | void;

/** Starts the whole system on loopback ports; nothing of it outlives this process. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const cleanups: Cleanup[] = [];
  const stop = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const cleanup of cleanups.splice(0).reverse()) {
      try {
        await cleanup();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything ended well');
  };
  try {
    return await start(options, cleanups, stop);
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}

async function start(
  options: StackOptions,
  cleanups: Cleanup[],
  stop: () => Promise<void>,
): Promise<Stack> {
  // Google's clients in this process would look for the metadata server otherwise.
  process.env['METADATA_SERVER_DETECTION'] = 'none';
  const folder = openFolder(options.stateFolder, cleanups);
  const logFolder = join(folder, LOGS);
  mkdirSync(logFolder, { recursive: true });
  const secrets = openSecrets(folder);
  const roots = openRoots(folder);
  const processes = createProcessGroup();
  cleanups.push(() => processes.stop());

  const started = <T extends { stop(): Promise<void> | void }>(service: T): T => {
    cleanups.push(() => service.stop());
    return service;
  };
  const [{ hosts, ready, forgets, missing }, kms, storage, issuer, vendors] = await Promise.all([
    emulators(options, processes, folder),
    startKmsServer({
      names: localKeyNames(PROJECT_ID),
      keyFile: join(folder, 'kms-keys.json'),
    }).then(started),
    startGcsServer({
      folder: join(folder, 'storage'),
      buckets: Object.values(BUCKETS),
      hmacKey: secrets.urlKey,
    }).then(started),
    startOidcIssuer(join(folder, 'issuer.json')).then(started),
    startVendors().then(started),
  ]);
  const consolePort = await freePort();
  const environment = {
    ...consoleEnvironment(issuer, `http://127.0.0.1:${consolePort}`),
    ...localEnvironment({
      issuer,
      storageUrl: storage.url,
      kmsUrl: kms.url,
      emulators: hosts,
      secrets,
      roots,
      vendors,
    }),
    ...options.environment,
  };
  const real = await createCloudClients(loadConfig(environment));
  cleanups.push(() => closeClients(real));
  const doubles = { documents: memoryDocuments(), publisher: memoryPublisher() };
  const clients = hosts ? real : { ...real, ...doubles };
  const host = started(
    hosts
      ? await startFunctionProcesses({ processes, environment, logFolder })
      : await startFunctionsInProcess({
          ...{ clients, clientsOf: options.clientsOf, environment, logFolder },
        }),
  );
  await ready;
  if (forgets && hosts && options.stateFolder !== undefined) {
    cleanups.push(() => exportFirestore(hosts.firestore, PROJECT_ID, join(folder, EXPORTS)));
  }
  const pubsub = hosts?.pubsub ?? doubles.publisher;
  const events = started(
    await wireEvents({
      host,
      storage,
      pubsub,
      ...(options.faultyNetwork && { without: ['score'] }),
    }),
  );
  // Nobody waits for the hour until the first grant.
  await events.runScheduled('url-keys');
  if (options.eventLog !== undefined) {
    started(await subscribeEventLog(pubsub, openEventLog(options.eventLog)));
  }
  const console = started(await startConsoleSite(consolePort, host.ports.get('admin') ?? 0));
  const frontDoor = started(await startFrontDoor(functionRoutes(host.ports)));
  const network = options.faultyNetwork
    ? started(await startFaultyNetwork(frontDoor.url))
    : undefined;
  const operator = await createServices(
    loadConfig(environment),
    { name: 'operator', secrets: ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] },
    clients,
    (line) => appendFileSync(join(logFolder, 'operator.log'), line),
  );
  const development = started(
    await startDevelopmentServer({
      ...developmentPhones(roots, vendors),
      ...developmentOperator(operator),
      ...network?.control,
    }),
  );

  return {
    mode: hosts ? 'emulators' : 'in-memory',
    missing,
    baseUrl: frontDoor.url,
    consoleUrl: console.url,
    issuer: issuer.issuer,
    token: issuer.token,
    roots,
    app: LOCAL_APP,
    vendors,
    development,
    network,
    environment,
    clients,
    operator,
    runScheduled: events.runScheduled,
    logFolder,
    summary: [
      `API            ${frontDoor.url}  (${FUNCTIONS.length} functions, ${hosts ? 'one process each' : 'in this process'})`,
      `Console        ${console.url}  (operator@example.org signs in without a password)`,
      `Firestore      ${hosts ? `${hosts.firestore}  (emulator)` : 'in memory  (double)'}`,
      `Pub/Sub        ${hosts ? `${hosts.pubsub}  (emulator)` : 'in memory  (double)'}`,
      `Cloud Storage  ${storage.url}  (local)`,
      `Cloud KMS      ${kms.url}  (local)`,
      `OIDC issuer    ${issuer.issuer}  (local)`,
      `Development    ${development.url}  (phones that only this stack trusts; an operator)`,
      `State and logs ${folder}  (${options.stateFolder === undefined ? 'until the end' : 'kept'})`,
    ],
    stop,
  };
}

function openFolder(stateFolder: string | undefined, cleanups: Cleanup[]): string {
  if (stateFolder !== undefined) {
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    return resolve(stateFolder);
  }
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Emulators extends Partial<StartingEmulators> {
  /** True where Firestore's ends with the stack. */
  readonly forgets?: boolean;
  readonly missing: readonly string[];
}

async function emulators(
  { inMemory }: StackOptions,
  processes: ProcessGroup,
  folder: string,
): Promise<Emulators> {
  if (inMemory) return { missing: [] };
  const running = emulatorsInEnvironment(process.env);
  const { firestore, pubsub } = running;
  if (firestore && pubsub) return { hosts: { firestore, pubsub }, missing: [] };
  const search = await findEmulators(process.env);
  if ('missing' in search) return search;
  const importFrom = newestExport(join(folder, EXPORTS));
  const starting = await startEmulators({
    installation: search.found,
    processes,
    running,
    logFolder: join(folder, LOGS),
    ...(importFrom !== undefined && { importFrom }),
  });
  return { ...starting, forgets: firestore === undefined, missing: [] };
}

/** Those that were never used have no connection to close. */
async function closeClients(clients: CloudClients): Promise<void> {
  for (const client of Object.values(clients) as readonly { close?: () => Promise<void> }[]) {
    await client.close?.();
  }
}
