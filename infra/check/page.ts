/** docs/ops/resources.md: every resource that a plan of an empty project makes, by Google's own provider. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GoogleDouble } from './google-double.ts';
import { INFRA, type RunOptions, type Workspace } from './workspace.ts';

const PAGE = join(INFRA, '../docs/ops/resources.md');

/** What is wrong with the page, or with the plan; undefined where nothing is. */
export async function checkPage(
  workspace: Workspace,
  { env }: GoogleDouble,
  write: boolean,
): Promise<string | undefined> {
  try {
    const prod = await plannedAddresses(workspace, ['-var-file=examples/prod.tfvars'], { env });
    const dev = await plannedAddresses(workspace, ['-var-file=examples/dev.tfvars'], { env });
    const first = await plannedAddresses(
      workspace,
      [
        '-var=project_id=modelseal-prod-example',
        '-var=region=europe-west3',
        '-var=billing_account=000000-000000-000000',
      ],
      { env, part: 'bootstrap' },
    );
    const page = render({ first, prod, dev });
    if (write) await writeFile(PAGE, page);
    const found = await readFile(PAGE, 'utf8').catch(() => '');
    return found === page ? undefined : 'it is out of date: npm run check:infra -- --write';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Rejects with the words of `tofu` where it cannot plan. */
async function plannedAddresses(
  workspace: Workspace,
  variables: readonly string[],
  options: RunOptions,
): Promise<readonly string[]> {
  const file = join(workspace.folder, 'check.plan');
  const planned = await workspace.tofu(
    ['plan', '-input=false', '-no-color', '-refresh=false', `-out=${file}`, ...variables],
    options,
  );
  if (!planned.ok) throw new Error(planned.output);
  const shown = await workspace.tofu(['show', '-json', file], options);
  const { resource_changes: changes } = JSON.parse(shown.output) as {
    resource_changes: readonly { address: string; change: { actions: readonly string[] } }[];
  };
  return changes
    .filter(({ change }) => change.actions.includes('create'))
    .map(({ address }) => address);
}

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
