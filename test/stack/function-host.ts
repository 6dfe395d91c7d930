import { appendFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { guardServer } from '../../functions/api/ingress.ts';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { maxBodyBytes, registerFunction } from '../../functions/register.ts';
import { FUNCTIONS, type FunctionEntry } from '../../functions/registry.ts';
import type { CloudClients } from '../../functions/services.ts';
import { freePort, listenOnLoopback, untilListening } from './ports.ts';
import type { ProcessGroup } from './process-group.ts';

/** Every function of the project, each on a loopback port of its own. */
export interface FunctionHost {
  /** By function name. */
  readonly ports: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

const ROOT = join(import.meta.dirname, '../..');
/** Compiled once, by content, for all processes and starts: it takes half of a function's start. */
const COMPILE_CACHE = join(tmpdir(), 'modelseal-compile-cache');
const LOOPBACK_ONLY = join(import.meta.dirname, 'loopback-only.ts');

export interface FunctionProcessesOptions {
  readonly processes: ProcessGroup;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFolder: string;
}

/** One process of the Functions Framework a function, as on Google Cloud; `processes` ends them. */
export async function startFunctionProcesses(
  options: FunctionProcessesOptions,
): Promise<FunctionHost> {
  const framework = createRequire(import.meta.url).resolve('@google-cloud/functions-framework');
  const main = join(framework, '../main.js');
  const start = async (entry: FunctionEntry): Promise<readonly [string, number]> => {
    const { name } = entry;
    const port = await freePort();
    const child = options.processes.spawn(name, process.execPath, [main], {
      env: {
        ...withSecretsOf(entry, options.environment),
        NODE_OPTIONS: `--import=${LOOPBACK_ONLY}`,
        NODE_COMPILE_CACHE: COMPILE_CACHE,
        FUNCTION_SOURCE: ROOT,
        FUNCTION_TARGET: name,
        FUNCTION_SIGNATURE_TYPE: entry.trigger.kind === 'event' ? 'cloudevent' : 'http',
        PORT: String(port),
      },
      logFile: join(options.logFolder, `${name}.log`),
    });
    await untilListening(port, { name, timeoutMs: 30_000, stillAlive: child.assertAlive });
    return [name, port];
  };
  return { ports: new Map(await Promise.all(FUNCTIONS.map(start))), stop: async () => undefined };
}

export interface FunctionsInProcessOptions {
  readonly clients: CloudClients;
  /** What a function of this name gets of them; the same for all where nothing is said. */
  readonly clientsOf?: ((name: string, clients: CloudClients) => CloudClients) | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFolder: string;
}

/** All functions in this process, on clients that they share; still served by the Functions Framework. */
export async function startFunctionsInProcess(
  options: FunctionsInProcessOptions,
): Promise<FunctionHost> {
  mkdirSync(options.logFolder, { recursive: true });
  const started = await Promise.all(
    FUNCTIONS.map(async (entry) => {
      const config = loadConfig(withSecretsOf(entry, options.environment));
      const logFile = join(options.logFolder, `${entry.name}.log`);
      const clients = options.clientsOf?.(entry.name, options.clients) ?? options.clients;
      const services = await createServices(config, entry, clients, (line) =>
        appendFileSync(logFile, line),
      );
      const handle = await registerFunction(entry, services);
      const ingress = { maxBodyBytes: maxBodyBytes(entry), handle };
      const server = guardServer(getTestServer(entry.name), services, ingress);
      return { name: entry.name, server, port: await listenOnLoopback(server) };
    }),
  );
  return {
    ports: new Map(started.map(({ name, port }) => [name, port])),
    stop: async () => {
      await Promise.all(
        started.map(async ({ server }) => {
          server.closeAllConnections();
          await new Promise((resolve) => server.close(resolve));
        }),
      );
    },
  };
}

/** What a function's own service account could read: no secret but those of its entry. */
function withSecretsOf(
  entry: FunctionEntry,
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  const others = [
    'CHALLENGE_SECRET',
    'PSEUDONYM_SECRET',
    'APPLE_RECEIPT_KEY',
    'URL_SIGNING_KEY',
  ].filter((name) => !entry.secrets.some((secret) => secret === name));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !others.includes(name)));
}
