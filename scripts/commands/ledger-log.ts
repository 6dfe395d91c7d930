/** The ledger's lines of the log: of the locked bucket of infra/logs.tf, or of a local stack. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Config } from '../../functions/config.ts';
import { LEDGER_LINES } from '../../functions/ledger/logged-blocks.ts';
import { LOCAL_STATE } from './command-services.ts';

const MAX_BYTES = 512 * 1024 * 1024;

/**
 * The log as text; `file` is one that was saved before, and `none` for the chain alone. Throws
 * RangeError where the log cannot be read: what was not compared must not look as if it had been.
 */
export async function ledgerLog(
  { projectId, kmsKeys, endpoints }: Pick<Config, 'projectId' | 'kmsKeys' | 'endpoints'>,
  file: string | undefined,
): Promise<string> {
  if (file === 'none') return '';
  const local = endpoints.firestore === undefined ? undefined : join(LOCAL_STATE, LOCAL_LOG);
  try {
    const saved = file ?? local;
    if (saved !== undefined) return await readFile(saved, 'utf8');
    const region = /\/locations\/([^/]+)\//.exec(kmsKeys.vault)?.[1] ?? '';
    const { stdout } = await promisify(execFile)(
      'gcloud',
      ['logging', 'read', LEDGER_LINES, ...placeOf(projectId, region), '--format=json'],
      { maxBuffer: MAX_BYTES },
    );
    return stdout;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    throw new RangeError(`the log of the ledger cannot be read: ${why} (--log none goes without)`);
  }
}

const LOCAL_LOG = join('logs', 'ledger.log');

const placeOf = (projectId: string, region: string): readonly string[] => [
  `--project=${projectId}`,
  `--location=${region}`,
  '--bucket=modelseal-security',
  '--view=_AllLogs',
  '--freshness=400d',
];
