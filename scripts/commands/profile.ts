/** Which deployment a command works on: exactly one, named before anything is done. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { LOCAL_ONLY } from '../../functions/config.ts';

/** As Terraform's output `profile` has it: no secret is in it. */
const profileSchema = z.object({
  name: z.string(),
  project: z.string().min(1),
  regions: z.array(z.string()).min(1),
  environment: z.record(z.string(), z.string()),
});

type Environment = Readonly<Record<string, string | undefined>>;

export interface Target {
  readonly name: string;
  readonly environment: Environment;
}

/** What only a secret store has, and an operator may put into his environment beside a profile. */
const SECRETS = [
  'PSEUDONYM_SECRET',
  'CHALLENGE_SECRET',
  'APPLE_RECEIPT_KEY',
  'INTEGRITY_KEYS',
  'URL_SIGNING_KEY',
];

/**
 * The environment to work with. Throws RangeError where a profile and variables of another project or of
 * a local stack would be mixed, or the profile is none; rejects where it cannot be read.
 */
export async function target(
  profile: string | undefined,
  own: Environment,
  local: Environment,
  folder = join(own['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'modelseal'),
): Promise<Target> {
  if (profile === undefined) {
    const project = own['GOOGLE_CLOUD_PROJECT'];
    return project
      ? { name: 'the environment', environment: own }
      : { name: 'the local stack of this folder', environment: { ...local, ...own } };
  }
  if (!/^[a-z0-9][a-z0-9-]{0,40}$/.test(profile)) throw new RangeError(`no profile: ${profile}`);
  const file = join(folder, `${profile}.json`);
  const text = await readFile(file, 'utf8').catch(() => {
    throw new RangeError(
      `${file} is not there: tofu output -json profile > ${file}   # in infra/, of that deployment`,
    );
  });
  const parsed = profileSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new RangeError(`${file} is no profile`);
  const { project, environment } = parsed.data;
  const ofLocalStack = LOCAL_ONLY.filter((name) => own[name] || environment[name]);
  if (ofLocalStack.length > 0)
    throw new RangeError(`of a local stack, beside --env ${profile}: ${ofLocalStack.join(', ')}`);
  const other = own['GOOGLE_CLOUD_PROJECT'];
  if (other && other !== project)
    throw new RangeError(`--env ${profile} is ${project}, and GOOGLE_CLOUD_PROJECT is ${other}`);
  const secrets = Object.fromEntries(SECRETS.map((name) => [name, own[name]]));
  // As on Google Cloud: nothing of a local stack is taken.
  return { name: profile, environment: { ...secrets, ...environment, K_SERVICE: 'modelseal' } };
}
