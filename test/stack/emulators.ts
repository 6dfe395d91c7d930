import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, untilAnswering } from './ports.ts';
import type { ProcessGroup } from './process-group.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What it takes to run the emulators of the Google Cloud CLI, by path. */
export interface EmulatorInstallation {
  readonly java: string;
  readonly firestoreJar: string;
  readonly pubsubJar: string;
}

/** Where the emulators are, or what a reader must install to have them. */
export type EmulatorSearch =
  | { readonly found: EmulatorInstallation }
  | { readonly missing: readonly string[] };

const INSTALL_JAVA = [
  'Java 11 or newer was not found. Install it with one of',
  '  sudo apt-get install default-jre-headless',
  '  brew install openjdk',
];
const INSTALL_EMULATORS = [
  'The Firestore and Pub/Sub emulators of the Google Cloud CLI were not found. Install them with one of',
  '  gcloud components install cloud-firestore-emulator pubsub-emulator',
  '  sudo apt-get install google-cloud-cli-firestore-emulator google-cloud-cli-pubsub-emulator',
];

/** Looks for Java and for the emulators' jars in the installation of the Google Cloud CLI. */
export async function findEmulators(env: Environment): Promise<EmulatorSearch> {
  const java = await findJava(env);
  const jars = findJars(env);
  if (java && jars) return { found: { java, ...jars } };
  return { missing: [...(java ? [] : INSTALL_JAVA), ...(jars ? [] : INSTALL_EMULATORS)] };
}

async function findJava(env: Environment): Promise<string | undefined> {
  const candidates = [
    ...(env['JAVA_HOME'] ? [join(env['JAVA_HOME'], 'bin', 'java')] : []),
    ...onPath('java', env),
  ];
  for (const java of candidates.filter((path) => existsSync(path))) {
    // macOS has a `java` that does nothing but ask for an installation.
    const works = await promisify(execFile)(java, ['-version'], { timeout: 5_000 }).then(
      () => true,
      () => false,
    );
    if (works) return java;
  }
  return undefined;
}

function findJars(env: Environment): Omit<EmulatorInstallation, 'java'> | undefined {
  for (const root of cloudSdkRoots(env)) {
    const platform = join(root, 'platform');
    const firestoreJar = join(platform, 'cloud-firestore-emulator', 'cloud-firestore-emulator.jar');
    const [pubsubJar] = globSync(join(platform, 'pubsub-emulator/lib/cloud-pubsub-emulator-*.jar'));
    if (existsSync(firestoreJar) && pubsubJar) return { firestoreJar, pubsubJar };
  }
  return undefined;
}

function cloudSdkRoots(env: Environment): readonly string[] {
  const [gcloud] = onPath('gcloud', env).filter((path) => existsSync(path));
  return [
    env['CLOUDSDK_ROOT_DIR'],
    env['CLOUDSDK_ROOT'],
    // `gcloud` on the path is a link into the installation's bin folder.
    gcloud && dirname(dirname(realpathSync(gcloud))),
    '/usr/lib/google-cloud-sdk',
    '/usr/share/google-cloud-sdk',
    '/usr/local/share/google-cloud-sdk',
    '/opt/google-cloud-sdk',
    '/opt/homebrew/share/google-cloud-sdk',
    '/snap/google-cloud-cli/current',
    join(homedir(), 'google-cloud-sdk'),
  ].filter((root) => root !== undefined);
}

function onPath(command: string, env: Environment): readonly string[] {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, command));
}

/** `host:port` of each emulator. */
export interface EmulatorHosts {
  readonly firestore: string;
  readonly pubsub: string;
}

/** Emulators that run already, by the variables that Google's tools set for them. */
export function emulatorsInEnvironment(env: Environment): Partial<EmulatorHosts> {
  const { FIRESTORE_EMULATOR_HOST: firestore, PUBSUB_EMULATOR_HOST: pubsub } = env;
  return { ...(firestore && { firestore }), ...(pubsub && { pubsub }) };
}

export interface StartOptions {
  readonly installation: EmulatorInstallation;
  readonly processes: ProcessGroup;
  /** Those that run already and are to be used as they are. */
  readonly running: Partial<EmulatorHosts>;
  /** A folder for their logs; it is made. */
  readonly logFolder: string;
  /** A Firestore export (`….overall_export_metadata`) to begin with. */
  readonly importFrom?: string;
}

/** Emulators that answer from `ready` on. */
export interface StartingEmulators {
  readonly hosts: EmulatorHosts;
  readonly ready: Promise<void>;
}

/**
 * Starts the emulators that do not run yet on free loopback ports. The jars are called directly: the Google Cloud
 * CLI's wrappers leave the Java process behind when they are killed.
 */
export async function startEmulators(options: StartOptions): Promise<StartingEmulators> {
  const { java, firestoreJar, pubsubJar } = options.installation;
  mkdirSync(options.logFolder, { recursive: true });
  const waits: Promise<void>[] = [];
  const start = async (name: string, args: readonly string[]): Promise<string> => {
    const port = await freePort();
    const emulator = options.processes.spawn(
      name,
      java,
      [
        // Compiling lightly and collecting serially halves the start and spares both cores.
        ...['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Duser.language=en'],
        ...args,
        ...['--host=127.0.0.1', `--port=${port}`],
      ],
      { env: {}, logFile: join(options.logFolder, `${name}.log`) },
    );
    const stillAlive = emulator.assertAlive;
    waits.push(
      untilAnswering(`http://127.0.0.1:${port}/`, { name, timeoutMs: 30_000, stillAlive }),
    );
    return `127.0.0.1:${port}`;
  };
  const { running } = options;
  const hosts = {
    firestore:
      running.firestore ??
      (await start('firestore-emulator', [
        ...['-cp', firestoreJar, 'com.google.cloud.datastore.emulator.firestore.CloudFirestore'],
        ...(options.importFrom ? [`--import-data=${options.importFrom}`] : []),
      ])),
    pubsub: running.pubsub ?? (await start('pubsub-emulator', ['-jar', pubsubJar])),
  };
  const ready = Promise.all(waits).then(() => undefined);
  // Who starts other things meanwhile hears of a failure later, when asking for `ready`.
  ready.catch(() => undefined);
  return { hosts, ready };
}
