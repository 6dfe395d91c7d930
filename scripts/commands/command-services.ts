/** What the commands of the `modelseal` tool work with: the services of the functions, under the operator's own account. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import type { Services } from '../../functions/services.ts';
import { target } from './profile.ts';

export type CommandServices = Services;

/** Where a local stack leaves the environment of its functions. */
export const LOCAL_STATE = '.modelseal';
export const LOCAL_ENVIRONMENT_FILE = 'environment.json';
/** Who the smoke client is there. */
export const LOCAL_SMOKE_IDENTITY = 'smoke-identity.json';
/** Where a local stack leaves events and decisions, and where queries look for them. */
export const LOCAL_EVENT_LOG = '.modelseal/log';

/**
 * Services of the deployment that the profile names or, without one, of the process's environment or
 * the local stack that runs in this folder. Throws ConfigError, and RangeError where the target is not
 * one alone.
 */
export async function commandServices(
  profile?: string,
  say: (line: string) => void = console.error,
): Promise<CommandServices> {
  const { environment, name } = await target(profile, process.env, await localEnvironment());
  const config = loadConfig(environment);
  say(`target: ${name} (project ${config.projectId})`);
  // Google's clients would look for the metadata server even where they are told of another service.
  if (config.endpoints.firestore) process.env['METADATA_SERVER_DETECTION'] ??= 'none';
  // Only what names a user needs the secret: an operator without it can do the rest.
  const secrets = config.secrets.PSEUDONYM_SECRET ? (['PSEUDONYM_SECRET'] as const) : [];
  return createServices(config, { name: 'modelseal', secrets });
}

async function localEnvironment(): Promise<Record<string, string>> {
  try {
    const text = await readFile(join(LOCAL_STATE, LOCAL_ENVIRONMENT_FILE), 'utf8');
    return JSON.parse(text) as Record<string, string>;
  } catch {
    return {};
  }
}
