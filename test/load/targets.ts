/** What load is put on: instances on a cloud in memory, or the local stack with its emulators. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { startOidcIssuer } from '../doubles/oidc-issuer.ts';
import { startVendors } from '../doubles/vendors.ts';
import { localEnvironment, openRoots, openSecrets } from '../stack/local-environment.ts';
import { startStack } from '../stack/stack.ts';
import { saveTestRoots } from '../virtual-phones/test-roots.ts';
import type { ClientSetup } from './clients.ts';
import type { ProfiledPart } from './cpu-profile.ts';
import type { MemoryServer, ServerUsage } from './memory-server.ts';
import { publishModels } from './models.ts';
import { cpuOfChildren } from './process-cpu.ts';
import { startWorker } from './worker.ts';

export type TargetSetup = Omit<ClientSetup, 'phones'>;

export interface MemoryTarget {
  readonly setup: TargetSetup;
  /** Of all instances together. */
  usage(): Promise<ServerUsage>;
  /** Where the first instance's time goes in the next seconds. */
  profile(seconds: number): Promise<readonly ProfiledPart[]>;
  stop(): Promise<void>;
}

/** A few phones ask here for what in life many more would. */
const OPEN_LIMITS = {
  GRANTS_PER_USER_MINUTE: '1000000',
  GRANTS_PER_DEVICE_MINUTE: '1000000',
  GRANTS_PER_MODEL_MINUTE: '1000000',
  REPORTS_PER_DEVICE_MINUTE: '1000000',
  PLANS: '{"default":{"grantsPerDay":1000000,"modelsPerDay":1000}}',
};

export interface MemoryTargetOptions {
  /** Processes, each with a cloud of its own. */
  readonly instances: number;
  /** Calls that each works on at once. */
  readonly concurrency: number;
}

export async function startMemoryTarget(options: MemoryTargetOptions): Promise<MemoryTarget> {
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-load-'));
  const [issuer, vendors] = await Promise.all([startOidcIssuer(), startVendors()]);
  const environment = {
    ...localEnvironment({
      issuer,
      // Nobody calls them.
      storageUrl: 'http://127.0.0.1:1',
      kmsUrl: 'http://127.0.0.1:1',
      secrets: openSecrets(folder),
      roots: openRoots(folder),
      vendors,
    }),
    ...OPEN_LIMITS,
    INSTANCE_CONCURRENCY: String(options.concurrency),
    // Each phone says its own address, as the load balancer would.
    FORWARDED_FOR_POSITION: '1',
  };
  const module = join(import.meta.dirname, 'memory-server.ts');
  const servers = await Promise.all(
    Array.from({ length: options.instances }, () => startWorker<MemoryServer>(module, environment)),
  );
  const instances = await Promise.all(
    servers.map((server, index) => server.call('start', { logFolder: join(folder, `${index}`) })),
  );
  return {
    setup: {
      instances,
      rootsFolder: join(folder, 'test-roots'),
      tokenUrl: `${issuer.issuer}/token`,
    },
    async usage() {
      const each = await Promise.all(servers.map((server) => server.call('usage', undefined)));
      const sum = (of: keyof ServerUsage) => each.reduce((all, usage) => all + usage[of], 0);
      return { cpuMs: sum('cpuMs'), rssBytes: sum('rssBytes'), sealedBytes: sum('sealedBytes') };
    },
    profile: async (seconds) => (await servers[0]?.call('profile', { seconds })) ?? [],
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
      await issuer.stop();
      await vendors.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** CPU time so far, by who spent it. */
export interface StackCpu {
  readonly functionsMs: number;
  readonly emulatorsMs: number;
  /** Storage, keys, identity provider and front door, which run in this process. */
  readonly localMs: number;
}

export interface StackTarget {
  readonly setup: TargetSetup;
  readonly mode: 'emulators' | 'in-memory';
  readonly logFolder: string;
  cpu(): StackCpu;
  stop(): Promise<void>;
}

export async function startStackTarget(): Promise<StackTarget> {
  // All phones come from one address here.
  const environment = { ...OPEN_LIMITS, GRANTS_PER_NETWORK_MINUTE: '1000000' };
  const stack = await startStack({ environment });
  const rootsFolder = mkdtempSync(join(tmpdir(), 'modelseal-load-'));
  try {
    saveTestRoots(rootsFolder, stack.roots);
    const config = loadConfig(stack.environment);
    const entry = { name: 'load', secrets: [] };
    await publishModels(await createServices(config, entry, stack.clients, () => undefined));
  } catch (error) {
    await stack.stop();
    throw error;
  }
  const endpoints = ['challenge', 'enroll', 'grant', 'report'];
  return {
    setup: {
      instances: [Object.fromEntries(endpoints.map((name) => [name, stack.baseUrl]))],
      rootsFolder,
      tokenUrl: `${stack.issuer}/token`,
    },
    mode: stack.mode,
    logFolder: stack.logFolder,
    cpu() {
      const { user, system } = process.cpuUsage();
      const children = cpuOfChildren();
      return {
        functionsMs: children.functions,
        emulatorsMs: children.emulators,
        localMs: (user + system) / 1000,
      };
    },
    async stop() {
      await stack.stop();
      rmSync(rootsFolder, { recursive: true, force: true });
    },
  };
}
