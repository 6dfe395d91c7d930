/** A copy of infra/ in which OpenTofu runs without network: one for each check, so that a mutation harms nothing. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tools } from './tools.ts';

export const INFRA = join(import.meta.dirname, '..');

export interface Ran {
  readonly ok: boolean;
  /** Standard output and error, as one. */
  readonly output: string;
}

export interface Workspace {
  readonly folder: string;
  /** Runs `tofu` in `bootstrap` or, where nothing is said, at the root. Never rejects. */
  tofu(args: readonly string[], options?: RunOptions): Promise<Ran>;
  remove(): Promise<void>;
}

export interface RunOptions {
  readonly part?: 'bootstrap';
  readonly env?: Readonly<Record<string, string>>;
}

/** Files that OpenTofu reads; the state's backend is left out, since it is a bucket. */
const wanted = (path: string) =>
  !/\/(?:check|\.terraform)$|backend\.tf$|\.test\.ts$|\.tfstate/.test(path);

/** Copies and initialises. Rejects where `tofu init` fails. */
export async function openWorkspace(tools: Tools, source = INFRA): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'modelseal-infra-'));
  await cp(source, folder, { recursive: true, filter: wanted });
  const config = join(folder, 'tofu.rc');
  await writeFile(
    config,
    `provider_installation {\n  filesystem_mirror {\n    path = "${tools.mirror}"\n  }\n}\ndisable_checkpoint = true\n`,
  );
  const tofu = (args: readonly string[], { part, env = {} }: RunOptions = {}): Promise<Ran> =>
    new Promise((resolve) => {
      const cwd = part ? join(folder, part) : folder;
      const options = {
        cwd,
        maxBuffer: 256 * 1024 * 1024,
        env: { ...process.env, TF_CLI_CONFIG_FILE: config, TF_IN_AUTOMATION: '1', ...env },
      };
      execFile(tools.tofu, [...args], options, (error, stdout, stderr) =>
        resolve({ ok: !error, output: stdout + stderr }),
      );
    });
  const workspace = {
    folder,
    tofu,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  for (const part of [undefined, 'bootstrap'] as const) {
    const { ok, output } = await tofu(['init', '-input=false', '-no-color'], part ? { part } : {});
    if (!ok) throw new Error(output);
  }
  return workspace;
}

/** Every resource type and data source of Google's that our files name. */
export async function usedTypes(source = INFRA): Promise<readonly string[]> {
  const types = new Set<string>();
  for (const name of await readdir(source, { recursive: true })) {
    if (!name.endsWith('.tf')) continue;
    const text = await readFile(join(source, name), 'utf8');
    for (const [, type = ''] of text.matchAll(/^(?:resource|data) "(google_\w+)"/gm))
      types.add(type);
  }
  return [...types].sort();
}
