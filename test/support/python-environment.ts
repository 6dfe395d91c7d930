/** Python packages in a folder of their own, made on first use. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** A file of requirements with the digest of each; `isAlone`: what its packages need is not installed. */
export interface Requirements {
  readonly file: string;
  readonly isAlone?: boolean;
}

/**
 * A virtual environment's interpreter, run with these arguments; its standard output, and each of its
 * lines as soon as it is printed. Throws where it fails.
 */
export type Python = (args: readonly string[], onLine?: (line: string) => void) => Promise<string>;

/**
 * Makes the environment where it is missing or of other versions; needs Python 3.11 or later with `venv`.
 * Throws where pip does.
 */
export async function pythonEnvironment(
  folder: string,
  requirements: readonly Requirements[],
): Promise<Python> {
  const stamp = join(folder, 'requirements.sha256');
  const hash = createHash('sha256');
  for (const { file } of requirements) hash.update(await readFile(file));
  const wanted = hash.digest('hex');
  const python: Python = (args, onLine) => run(join(folder, 'bin', 'python'), args, onLine);
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === wanted) return python;
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  await run('python3', ['-m', 'venv', folder]);
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--require-hashes',
  ];
  for (const { file, isAlone } of requirements) {
    await python([...pip, ...(isAlone ? ['--no-deps'] : []), '-r', file]);
  }
  await writeFile(stamp, wanted);
  return python;
}

function run(
  command: string,
  args: readonly string[],
  onLine: (line: string) => void = () => undefined,
): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (part: Buffer) => out.push(part));
  createInterface({ input: child.stdout }).on('line', onLine);
  child.stderr.on('data', (part: Buffer) => err.push(part));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const printed = Buffer.concat(out).toString();
      if (code === 0) return resolve(printed);
      const said = `${printed}${Buffer.concat(err).toString()}`.slice(-2000);
      return reject(new Error(`${command} ${args[0]}: ${said}`));
    });
  });
}
