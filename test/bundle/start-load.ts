/** What a function of the deployable folder loads at its start: each byte is read, compiled and kept. */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface StartLoad {
  /** Of the import alone, without the process and the Functions Framework. */
  readonly milliseconds: number;
  /** Files of the folder, without those of its dependencies. */
  readonly files: readonly string[];
  readonly bytes: number;
}

/** Rejects where the function does not load. */
export async function startLoad(
  folder: string,
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<StartLoad> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, 'start-probe.ts'), folder],
    { env: { METADATA_SERVER_DETECTION: 'none', ...environment, FUNCTION_TARGET: name } },
  );
  const { milliseconds, files } = JSON.parse(stdout) as Pick<StartLoad, 'milliseconds' | 'files'>;
  const ours = files.filter((file) => !file.includes('node_modules'));
  const sizes = await Promise.all(ours.map(async (file) => (await stat(join(folder, file))).size));
  return { milliseconds, files: ours, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
