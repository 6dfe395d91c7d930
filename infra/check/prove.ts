/** That the checks can fail: every mutation, in a copy of its own, must be found by one. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Check, planChecks } from './checks.ts';
import { checkGolden } from './golden.ts';
import type { GoogleDouble } from './google-double.ts';
import { MUTATIONS } from './mutations/all.ts';
import type { Mutation } from './mutations/mutation.ts';
import { type PlanName, planned } from './plan.ts';
import type { Tools } from './tools.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

/** Tries each whose name or file has the word `only`; tells which check found it, or that none did. */
export async function prove(
  tools: Tools,
  google: GoogleDouble,
  tell: (name: string, fault: string | undefined) => void,
  only = '',
): Promise<void> {
  const workspace = await openWorkspace(tools);
  const byLine = (name: PlanName): Check => ({
    name: 'line by line',
    work: async () => {
      try {
        return await checkGolden(workspace, { [name]: await planned(workspace, google, name) });
      } catch (error) {
        return String(error);
      }
    },
    ...(name === 'bootstrap' ? { part: name } : {}),
  });
  // What finds nearly everything comes after the order and production's values, so that it is seen what those
  // would have left, and before the plans that take longest.
  const [order, bootstrapOrder, prod, ...others] = planChecks(workspace, google);
  const checks = [
    order,
    bootstrapOrder,
    prod,
    ...others.filter(({ part }) => part),
    byLine('prod'),
    byLine('bootstrap'),
    ...others,
  ].filter((check) => check !== undefined);
  try {
    for (const mutation of MUTATIONS.filter(([name, file]) => `${file} ${name}`.includes(only))) {
      const by = await finderOf(workspace, checks, mutation);
      const fault = by === undefined ? 'every check is content with it' : undefined;
      tell(`found: ${mutation[0]}${by ? ` (${by})` : ''}`, fault);
    }
  } finally {
    await workspace.remove();
  }
}

async function finderOf(
  workspace: Workspace,
  checks: readonly Check[],
  [, file, find, replacement]: Mutation,
): Promise<string | undefined> {
  const path = join(workspace.folder, file);
  const text = await readFile(path, 'utf8');
  const changed = text.replace(find, () => replacement);
  if (changed === text) throw new RangeError(`${file} has no ${find}`);
  await writeFile(path, changed);
  try {
    const part = file.startsWith('bootstrap/') ? 'bootstrap' : undefined;
    for (const check of checks) {
      if (check.part !== part) continue;
      if ((await check.work()) !== undefined) return check.name;
    }
    return undefined;
  } finally {
    await writeFile(path, text);
  }
}
