/** docs/ops/resources.md: every resource that a plan of an empty project makes, by Google's own provider. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan, PlanName } from './plan.ts';
import { INFRA } from './workspace.ts';

const PAGE = join(INFRA, '../docs/ops/resources.md');

/** What is wrong with the page; undefined where nothing is. */
export async function checkPage(
  plans: Readonly<Record<PlanName, Plan>>,
  write: boolean,
): Promise<string | undefined> {
  const { bootstrap, prod, dev } = plans;
  const page = render({ first: made(bootstrap), prod: made(prod), dev: made(dev) });
  if (write) await writeFile(PAGE, page);
  const found = await readFile(PAGE, 'utf8').catch(() => '');
  return found === page ? undefined : 'it is out of date: npm run check:infra -- --write';
}

const made = (plan: Plan): readonly string[] =>
  plan.resource_changes
    .filter(({ change }) => change.actions.includes('create'))
    .map(({ address }) => address);

/** One line for each resource of the files, with how many there are of it. */
function render(plans: {
  first: readonly string[];
  prod: readonly string[];
  dev: readonly string[];
}) {
  const counted = (addresses: readonly string[]) => {
    const counts = new Map<string, number>();
    for (const address of addresses) {
      const name = address.replace(/\[.*$/, '');
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  };
  const [first, prod, dev] = [counted(plans.first), counted(plans.prod), counted(plans.dev)];
  const names = [...new Set([...prod.keys(), ...dev.keys()])].sort();
  return [
    '# What is made',
    '',
    "Every resource of an empty project's first plan, by OpenTofu and Google's provider: `npm run check:infra -- --write`",
    'writes this page from the plans of `infra/examples/`, and `npm run check:infra` fails where they differ.',
    '',
    `## infra/bootstrap: ${plans.first.length}`,
    '',
    '| resource | how many |',
    '|---|---|',
    ...[...first].sort().map(([name, count]) => `| \`${name}\` | ${count} |`),
    '',
    `## infra: ${plans.prod.length} in production, ${plans.dev.length} in development`,
    '',
    '| resource | production | development |',
    '|---|---|---|',
    ...names.map((name) => `| \`${name}\` | ${prod.get(name) ?? 0} | ${dev.get(name) ?? 0} |`),
    '',
  ].join('\n');
}
