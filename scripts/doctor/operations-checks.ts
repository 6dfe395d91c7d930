/** What runs by the clock runs, and somebody is told when it does not. */
import { FUNCTIONS } from '../../functions/registry.ts';
import type { Check, Project } from './check.ts';

/** As https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs has it. */
interface Job {
  readonly name: string;
  readonly state?: string;
  readonly lastAttemptTime?: string;
  /** Of the last attempt: no code, or 0, where it went well. */
  readonly status?: { readonly code?: number };
}
interface Channel {
  readonly name: string;
  readonly enabled?: boolean;
}
interface AlertPolicy {
  readonly displayName?: string;
  readonly enabled?: boolean;
  readonly notificationChannels?: readonly string[];
}
interface Budget {
  readonly budgetFilter?: { readonly projects?: readonly string[] };
}

/** How far apart the runs of a schedule are; of one that is not here, a day at most. */
const PERIODS_MS: Readonly<Record<string, number>> = {
  '* * * * *': 60_000,
  '*/5 * * * *': 300_000,
  '*/30 * * * *': 1_800_000,
  '0 * * * *': 3_600_000,
};
/** Two runs may be late: Scheduler has seconds of its own. */
const MISSED_RUNS = 3;

export function operationsChecks(project: Project, now: () => Date): readonly Check[] {
  return [...scheduleChecks(project, now), ...alertChecks(project), ...billingChecks(project)];
}

function scheduleChecks({ gcloud, region }: Project, now: () => Date): readonly Check[] {
  return FUNCTIONS.flatMap(({ name, trigger }) => {
    if (trigger.kind !== 'schedule') return [];
    const job = async () => {
      const jobs = ((await gcloud('scheduler', 'jobs', 'list', `--location=${region}`)) ??
        []) as readonly Job[];
      const found = jobs.find((each) => each.name.endsWith(`/jobs/${name}`));
      if (!found) throw new Error('there is no such job: terraform apply');
      return found;
    };
    const periodMs = PERIODS_MS[trigger.cron] ?? 86_400_000;
    return [
      {
        check: `the job ${name} is enabled`,
        remedy: `gcloud scheduler jobs resume ${name} --location=${region}`,
        work: async () => {
          const { state } = await job();
          if (state !== 'ENABLED') throw new Error(`it is ${state}`);
        },
      },
      {
        check: `the job ${name} ran well the last time`,
        remedy: `gcloud logging read 'resource.labels.service_name="${name}" severity>=ERROR' --limit=5   # then: gcloud scheduler jobs run ${name} --location=${region}`,
        work: async () => {
          const { lastAttemptTime = '', status } = await job();
          if (!(now().getTime() - Date.parse(lastAttemptTime) < MISSED_RUNS * periodMs))
            throw new Error(`its last run was ${lastAttemptTime || 'never'}`);
          if (status?.code) throw new Error(`it ended with code ${status.code}`);
        },
      },
    ];
  });
}

function alertChecks({ gcloud }: Project): readonly Check[] {
  const channels = async () =>
    ((await gcloud('beta', 'monitoring', 'channels', 'list')) ?? []) as readonly Channel[];
  return [
    {
      check: 'somebody is told of alerts',
      remedy: 'terraform apply   # alert_email; in the console: the channel enabled again',
      work: async () => {
        if (!(await channels()).some(({ enabled = true }) => enabled))
          throw new Error('there is no enabled channel');
      },
    },
    {
      check: 'every alert is on, and reaches somebody',
      remedy:
        'gcloud alpha monitoring policies list --format="value(name,displayName,enabled)"   # then: gcloud alpha monitoring policies update NAME --enabled; terraform apply for what is missing',
      work: async () => {
        const on = (await channels()).filter(({ enabled = true }) => enabled);
        const names = on.map(({ name }) => name);
        const policies = ((await gcloud('alpha', 'monitoring', 'policies', 'list')) ??
          []) as readonly AlertPolicy[];
        const ours = policies.filter(({ displayName }) => displayName?.startsWith('modelseal: '));
        if (ours.length === 0) throw new Error('there is none');
        const silent = ours.filter(
          ({ enabled = true, notificationChannels = [] }) =>
            !enabled || !notificationChannels.some((channel) => names.includes(channel)),
        );
        if (silent.length > 0)
          throw new Error(`silent: ${silent.map(({ displayName }) => displayName).join(', ')}`);
      },
    },
  ];
}

function billingChecks({ gcloud, id }: Project): readonly Check[] {
  const billing = async () =>
    (await gcloud('billing', 'projects', 'describe', id)) as {
      readonly billingEnabled?: boolean;
      readonly billingAccountName?: string;
    };
  return [
    {
      // With billing on, Firestore has no quota of reads and writes but what one document takes:
      // https://cloud.google.com/firestore/quotas
      check: 'Firestore is not held to the free tier: billing is on',
      remedy: `gcloud billing projects link ${id} --billing-account=ACCOUNT`,
      work: async () => {
        if (!(await billing()).billingEnabled)
          throw new Error('20,000 writes a day are all that it takes');
      },
    },
    {
      check: 'a budget watches the cost',
      remedy: 'terraform apply   # billing_account and monthly_budget',
      work: async () => {
        const account = (await billing()).billingAccountName?.split('/')[1] ?? '';
        const { projectNumber } = (await gcloud('projects', 'describe', id)) as {
          readonly projectNumber?: string;
        };
        const budgets = ((await gcloud(
          ...['billing', 'budgets', 'list', `--billing-account=${account}`],
        )) ?? []) as readonly Budget[];
        // A budget that names no project is of all.
        const ours = budgets.some(({ budgetFilter }) =>
          (budgetFilter?.projects ?? [`projects/${projectNumber}`]).some((name) =>
            [`projects/${projectNumber}`, `projects/${id}`].includes(name),
          ),
        );
        if (!ours) throw new Error('there is none for this project');
      },
    },
  ];
}
