/** Plans of an empty project, as OpenTofu tells them to machines (https://opentofu.org/docs/internals/json-format/). */
import { join } from 'node:path';
import type { Value } from '../terraform.ts';
import type { GoogleDouble } from './google-double.ts';
import type { RunOptions, Workspace } from './workspace.ts';

/** The members of a plan that are looked at. */
export interface Plan {
  readonly resource_changes: readonly {
    readonly address: string;
    readonly mode: 'managed' | 'data';
    readonly type: string;
    readonly name: string;
    readonly index?: string | number;
    readonly change: {
      readonly actions: readonly string[];
      readonly after: Value;
      readonly after_unknown: Value;
    };
  }[];
  readonly configuration: {
    readonly root_module: {
      readonly resources: readonly {
        readonly address: string;
        readonly expressions?: Value;
        readonly for_each_expression?: Value;
        readonly count_expression?: Value;
        readonly depends_on?: readonly string[];
      }[];
      readonly outputs?: Value;
    };
  };
}

/** What is planned, and with which variables. */
export const PLANNED = {
  prod: [['-var-file=examples/prod.tfvars'], {}],
  dev: [['-var-file=examples/dev.tfvars'], {}],
  bootstrap: [
    [
      '-var=project_id=modelseal-prod-example',
      '-var=region=europe-west3',
      '-var=billing_account=000000-000000-000000',
    ],
    { part: 'bootstrap' },
  ],
} as const satisfies Readonly<Record<string, readonly [readonly string[], RunOptions]>>;

export type PlanName = keyof typeof PLANNED;

/** Rejects with the words of `tofu` where it cannot plan. */
export async function planned(
  workspace: Workspace,
  { env }: GoogleDouble,
  name: PlanName,
): Promise<Plan> {
  const [variables, part] = PLANNED[name];
  const options: RunOptions = { ...part, env };
  const file = join(workspace.folder, `${name}.plan`);
  const made = await workspace.tofu(
    ['plan', '-input=false', '-no-color', '-refresh=false', `-out=${file}`, ...variables],
    options,
  );
  if (!made.ok) throw new Error(made.output);
  const shown = await workspace.tofu(['show', '-json', file], options);
  return JSON.parse(shown.output) as Plan;
}

/** All of them, one after the other. */
export async function allPlanned(
  workspace: Workspace,
  google: GoogleDouble,
): Promise<Readonly<Record<PlanName, Plan>>> {
  return {
    prod: await planned(workspace, google, 'prod'),
    dev: await planned(workspace, google, 'dev'),
    bootstrap: await planned(workspace, google, 'bootstrap'),
  };
}
