/** Firestore as a browser reaches it: Google's emulator, which holds to security rules only where it is given some. */
import { join } from 'node:path';
import type { EmulatorInstallation } from './emulators.ts';
import { freePort, untilAnswering } from './ports.ts';
import type { ProcessGroup } from './process-group.ts';

/** Starts it under the rules in the file `rules`, with its log in `folder`; gives the address of its documents. */
export async function startFirestoreUnderRules(
  processes: ProcessGroup,
  { java, firestoreJar }: EmulatorInstallation,
  { rules, folder }: { readonly rules: string; readonly folder: string },
): Promise<string> {
  const port = await freePort();
  const main = 'com.google.cloud.datastore.emulator.firestore.CloudFirestore';
  const emulator = processes.spawn(
    'firestore',
    java,
    ['-cp', firestoreJar, main, '--host=127.0.0.1', `--port=${port}`, `--rules=${rules}`],
    { env: {}, logFile: join(folder, 'log') },
  );
  const url = `http://127.0.0.1:${port}`;
  await untilAnswering(`${url}/`, {
    name: 'firestore',
    timeoutMs: 25_000,
    stillAlive: emulator.assertAlive,
  });
  return `${url}/v1/projects/rules/databases/(default)/documents`;
}
