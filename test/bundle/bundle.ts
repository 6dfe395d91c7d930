/** The deployable folder as production has it, for its proof and for measuring its start. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const FRAMEWORK = join(
  dirname(createRequire(import.meta.url).resolve('@google-cloud/functions-framework')),
  '../..',
);

/**
 * Builds dist/ and lays it into `folder` beside its only dependency, the Functions Framework: what
 * the bundle should import besides is not to be found from there.
 */
export async function layBundle(folder: string): Promise<void> {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.ts')], { cwd: ROOT });
  await cp(join(ROOT, 'dist'), folder, { recursive: true });
  await mkdir(join(folder, 'node_modules/@google-cloud'), { recursive: true });
  await symlink(FRAMEWORK, join(folder, 'node_modules/@google-cloud/functions-framework'));
}

export interface StartedFunction {
  /** From the start of the process to the first 200, in milliseconds. */
  readonly milliseconds: number;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly name: string;
  readonly signature: 'http' | 'cloudevent';
  readonly port: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
}

/** One function of a deployable folder under the Functions Framework. Rejects where it does not answer 200. */
export async function startFunction(
  folder: string,
  { name, signature, port, environment, timeoutMs = 20_000 }: StartOptions,
): Promise<StartedFunction> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [join(FRAMEWORK, 'build/src/main.js')], {
    cwd: folder,
    env: {
      METADATA_SERVER_DETECTION: 'none',
      ...environment,
      FUNCTION_SOURCE: folder,
      FUNCTION_TARGET: name,
      FUNCTION_SIGNATURE_TYPE: signature,
      PORT: String(port),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2_000);
  });
  try {
    await untilHealthy(`http://127.0.0.1:${port}/health/${name}`, child, timeoutMs);
  } catch (error) {
    await end(child);
    throw new Error(`${name}: ${String(error)}\n${errors}`, { cause: error });
  }
  return { milliseconds: performance.now() - startedAt, stop: () => end(child) };
}

async function untilHealthy(url: string, child: ChildProcess, timeoutMs: number): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  let seen: unknown = 'no answer';
  while (performance.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error('the process ended');
    try {
      const response = await fetch(url);
      await response.body?.cancel();
      if (response.status === 200) return;
      throw new RangeError(`${response.status} instead of 200`);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      seen = error;
    }
    await sleep(3);
  }
  throw new Error('not ready in time', { cause: seen });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
