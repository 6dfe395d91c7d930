/** infra/check/planned/: what is deployed, line by line, as it was reviewed last. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan, PlanName } from './plan.ts';
import { linesOf } from './values.ts';
import { INFRA, type Workspace } from './workspace.ts';
import { writtenLines } from './written.ts';

const FOLDER = join(INFRA, 'check/planned');
/** Of a difference, so many lines are told. */
const MAX_TOLD = 20;

/**
 * Lines that were reviewed and are there no more, and new ones, of the plans that are given; undefined
 * where there are none.
 */
export async function checkGolden(
  workspace: Workspace,
  { prod, dev, bootstrap }: Partial<Readonly<Record<PlanName, Plan>>>,
  write = false,
): Promise<string | undefined> {
  const inProd = prod && general(prod);
  const pages = {
    prod: inProd,
    // Where development is otherwise.
    dev: inProd && dev && difference(inProd, general(dev)),
    bootstrap: bootstrap && linesOf(bootstrap),
    files: await writtenLines(workspace.folder),
    'bootstrap-files': await writtenLines(join(workspace.folder, 'bootstrap')),
  };
  const told: string[] = [];
  for (const [name, lines] of Object.entries(pages)) {
    if (!lines) continue;
    const path = join(FOLDER, `${name}.txt`);
    if (write) await writeFile(path, `${lines.join('\n')}\n`);
    const reviewed = (await readFile(path, 'utf8').catch(() => '')).split('\n').slice(0, -1);
    told.push(...difference(reviewed, lines).map((line) => `${name}: ${line}`));
  }
  if (told.length === 0) return undefined;
  const more = told.length > MAX_TOLD ? [`and ${told.length - MAX_TOLD} more`] : [];
  const end = 'meant? npm run check:infra -- --write, and have it reviewed';
  return [...told.slice(0, MAX_TOLD), ...more, end].join('\n');
}

/** The project's name left out, so that two environments can be compared. */
const general = (plan: Plan) =>
  linesOf(plan).map((line) => line.replaceAll(/modelseal-(?:prod|dev)-example/g, 'PROJECT'));

/** By line, each under the resource that it is of. */
function difference(before: readonly string[], after: readonly string[]): readonly string[] {
  const [old, now] = [placed(before), placed(after)];
  return [
    ...[...old].filter((line) => !now.has(line)).map((line) => `- ${line}`),
    ...[...now].filter((line) => !old.has(line)).map((line) => `+ ${line}`),
  ];
}

function placed(lines: readonly string[]): ReadonlySet<string> {
  let head = '';
  return new Set(
    lines.map((line) => {
      if (!line.startsWith(' ')) head = line.split(' ')[0] ?? '';
      return line.startsWith(' ') ? `${head}${line}` : line;
    }),
  );
}
