import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** The Firestore emulator forgets everything when it ends; its exports in a folder make up for that. */
const EXPORT = /^export-\d+$/;

/** What the emulator begins with: the newest complete export in `folder`. */
export function newestExport(folder: string): string | undefined {
  const [newest] = exportsIn(folder)
    .map((name) => join(folder, name, `${name}.overall_export_metadata`))
    .filter((file) => existsSync(file));
  return newest;
}

/** Exports the emulator's documents into `folder`, in place of older exports. */
export async function exportFirestore(
  host: string,
  projectId: string,
  folder: string,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const older = exportsIn(folder);
  const response = await fetch(`http://${host}/emulator/v1/projects/${projectId}:export`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      database: `projects/${projectId}/databases/(default)`,
      export_directory: folder,
      export_name: `export-${Date.now()}`,
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the Firestore emulator does not export: ${text}`);
  for (const name of older) rmSync(join(folder, name), { recursive: true });
}

/** Newest first. */
function exportsIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => EXPORT.test(name))
    .sort()
    .reverse();
}
