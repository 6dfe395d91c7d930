import { createPublicKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JWTPayload } from 'jose';
import type { TestRoots } from '../../device/virtual/test-roots.ts';
import { type CloudClients, createCloudClients } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { FUNCTIONS } from '../../functions/index.ts';
import { memoryDocuments } from './doubles/documents.ts';
import { memoryPublisher } from './doubles/publisher.ts';
import {
  type EmulatorHosts,
  emulatorsInEnvironment,
  findEmulators,
  startEmulators,
} from './emulators.ts';
import { wireEvents } from './event-wiring.ts';
import { startFrontDoor } from './front-door.ts';
import { startFunctionProcesses, startFunctionsInProcess } from './function-host.ts';
import { startGcsServer } from './gcs-server.ts';
import { localKeyNames } from './kms-keys.ts';
import { startKmsServer } from './kms-server.ts';
import {
  BUCKETS,
  LOCAL_APP,
  localEnvironment,
  openRoots,
  openSecrets,
  PROJECT_ID,
} from './local-environment.ts';
import { startOidcIssuer } from './oidc-issuer.ts';
import { createProcessGroup } from './process-group.ts';

export interface StackOptions {
  /** Keeps keys, users and objects here for the next start; a temporary folder where absent. */
  readonly stateFolder?: string;
  /** Doubles even where the emulators are there. */
  readonly inMemory?: boolean;
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
  readonly issuer: string;
  /** An ID token of this user. */
  readonly token: (subject: string, claims?: JWTPayload) => Promise<string>;
  /** The test root of virtual devices, and the app that they run. */
  readonly roots: TestRoots;
  readonly app: typeof LOCAL_APP;
  /** The environment of the functions. */
  readonly environment: Readonly<Record<string, string>>;
  /** The clients that the functions have, or clients of the same services. */
  readonly clients: CloudClients;
  readonly runScheduled: (name: string) => Promise<number>;
  readonly logFolder: string;
  /** What runs where, in lines. */
  readonly summary: readonly string[];
  /** Ends everything; a temporary folder goes with it. */
  stop(): Promise<void>;
}

type Cleanup = () => Promise<void> | void;

/** Starts the whole system on loopback ports; nothing of it outlives this process. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const cleanups: Cleanup[] = [];
  const stop = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    return await start(options, cleanups, stop);
  } catch (error) {
    await stop();
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
  const logFolder = join(folder, 'logs');
  mkdirSync(logFolder, { recursive: true });
  const secrets = openSecrets(folder);
  const roots = openRoots(folder);
  const processes = createProcessGroup();
  cleanups.push(() => processes.stop());

  const started = <T extends { stop(): Promise<void> | void }>(service: T): T => {
    cleanups.push(() => service.stop());
    return service;
  };
  const [{ hosts, ready, missing }, kms, storage, issuer] = await Promise.all([
    emulatorHosts(options, processes, logFolder),
    startKmsServer({
      names: localKeyNames(PROJECT_ID),
      keyFile: join(folder, 'kms-keys.json'),
    }).then(started),
    startGcsServer({
      folder: join(folder, 'storage'),
      buckets: Object.values(BUCKETS),
      signer: {
        email: secrets.signer.client_email,
        publicKey: createPublicKey(secrets.signer.private_key),
      },
    }).then(started),
    startOidcIssuer(join(folder, 'issuer.json')).then(started),
  ]);
  const environment = {
    ...localEnvironment({
      issuer,
      storageUrl: storage.url,
      kmsUrl: kms.url,
      emulators: hosts,
      secrets,
      roots,
    }),
    ...options.environment,
  };
  const real = createCloudClients(loadConfig(environment));
  const doubles = { documents: memoryDocuments(), publisher: memoryPublisher() };
  const clients = hosts ? real : { ...real, ...doubles };
  const host = started(
    hosts
      ? await startFunctionProcesses({ processes, environment, logFolder })
      : await startFunctionsInProcess({ clients, environment, logFolder }),
  );
  await ready;
  const events = started(
    await wireEvents({ host, storage, pubsub: hosts?.pubsub ?? doubles.publisher }),
  );
  const frontDoor = started(await startFrontDoor(routesOf(host.ports)));

  return {
    mode: hosts ? 'emulators' : 'in-memory',
    missing,
    baseUrl: frontDoor.url,
    issuer: issuer.issuer,
    token: issuer.token,
    roots,
    app: LOCAL_APP,
    environment,
    clients,
    runScheduled: events.runScheduled,
    logFolder,
    summary: [
      `API            ${frontDoor.url}  (${FUNCTIONS.length} functions, ${hosts ? 'one process each' : 'in this process'})`,
      `Firestore      ${hosts ? `${hosts.firestore}  (emulator)` : 'in memory  (double)'}`,
      `Pub/Sub        ${hosts ? `${hosts.pubsub}  (emulator)` : 'in memory  (double)'}`,
      `Cloud Storage  ${storage.url}  (local)`,
      `Cloud KMS      ${kms.url}  (local)`,
      `OIDC issuer    ${issuer.issuer}  (local)`,
      `State and logs ${folder}  (${options.stateFolder === undefined ? 'until the end' : 'kept'})`,
    ],
    stop,
  };
}

function openFolder(stateFolder: string | undefined, cleanups: Cleanup[]): string {
  if (stateFolder !== undefined) {
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    return stateFolder;
  }
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function emulatorHosts(
  options: StackOptions,
  processes: ReturnType<typeof createProcessGroup>,
  logFolder: string,
): Promise<{
  readonly hosts?: EmulatorHosts;
  readonly ready?: Promise<void>;
  readonly missing: readonly string[];
}> {
  if (options.inMemory) return { missing: [] };
  const running = emulatorsInEnvironment(process.env);
  if (running) return { hosts: running, missing: [] };
  const search = await findEmulators(process.env);
  if ('missing' in search) return search;
  const starting = await startEmulators({ installation: search.found, processes, logFolder });
  return { ...starting, missing: [] };
}

function routesOf(ports: ReadonlyMap<string, number>) {
  return FUNCTIONS.flatMap(({ name, trigger }) =>
    trigger.kind === 'http'
      ? trigger.routes.map(({ path }) => ({ path, port: ports.get(name) as number }))
      : [],
  );
}
