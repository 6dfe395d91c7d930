/** The database, from a browser. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEmulators } from '../stack/emulators.ts';
import { startFirestoreUnderRules } from '../stack/firestore-under-rules.ts';
import { createProcessGroup } from '../stack/process-group.ts';
import { type Attack, edit, SUCCEEDED } from './attack.ts';
import type { Lab } from './lab.ts';

const RULES = 'infra/firestore.rules';

/** Firestore as a browser reaches it: Google's emulator under our rules; without it, the rules alone. */
async function fromBrowser(
  lab: Lab,
  ask: (documents: string) => Promise<Response>,
): Promise<string> {
  const search = await findEmulators(process.env);
  const rules = lab.read(RULES);
  if ('missing' in search) {
    const allowed = (rules.match(/\ballow\b[^;]*;/g) ?? []).some(
      (text) => !text.endsWith('if false;'),
    );
    return allowed ? SUCCEEDED : '403';
  }
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-rules-'));
  lab.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'rules'), rules);
  const processes = createProcessGroup();
  lab.atEnd(() => processes.stop());
  const place = { rules: join(folder, 'rules'), folder };
  const { status } = await ask(await startFirestoreUnderRules(processes, search.found, place));
  return status === 403 ? '403' : SUCCEEDED;
}

export const cloudDatabase: readonly Attack[] = [
  {
    name: 'cloud/database-write',
    tries: 'an app that unblocks itself in Firestore',
    refused: '403',
    defence: 'rules that deny everything: clients never speak to the database',
    off: { edits: [edit(RULES, 'if false;', 'if true;')] },
    run: (lab) =>
      fromBrowser(lab, (documents) =>
        fetch(`${documents}/blocklist/user_mallory`, {
          method: 'PATCH',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ fields: {} }),
        }),
      ),
  },
];
