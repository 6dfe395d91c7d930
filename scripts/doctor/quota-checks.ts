/**
 * Head-room: whether Google's quotas let the functions grow to as many instances as they may have.
 * Need and limit are both of what is deployed, so that raising `max_instances` alone is noticed.
 */
import { type RunService, runServices } from './access-checks.ts';
import type { Check, Project } from './check.ts';

/** How far a function may grow. */
export interface Scale {
  readonly instances: number;
  /** Requests that one instance works on at once. */
  readonly concurrency: number;
  readonly milliCpu: number;
}

export interface Need {
  readonly what: string;
  readonly service: string;
  /** Which of the service's quotas limit it, by metric. */
  readonly metric: RegExp;
  /** A minute where the quota is a rate. */
  readonly amount: number;
  readonly because: string;
}

/** For planning, a place of the grant function seals one model a second: the objective is 1.5 s. */
const GRANTS_PER_PLACE_MINUTE = 60;
/** The grant and renew functions certify a new licence key an hour, of which all may start at once. */
const CERTIFYING = ['grant', 'renew'];

export function quotaNeeds(scales: ReadonlyMap<string, Scale>): readonly Need[] {
  const grant = scales.get('grant');
  const places = (grant?.instances ?? 0) * (grant?.concurrency ?? 0);
  const grants = places * GRANTS_PER_PLACE_MINUTE;
  const certificates = CERTIFYING.reduce(
    (sum, name) => sum + (scales.get(name)?.instances ?? 0),
    0,
  );
  const milliCpu = [...scales.values()].reduce(
    (sum, { instances, milliCpu }) => sum + instances * milliCpu,
    0,
  );
  return [
    {
      what: 'Cloud Run has room for every instance',
      service: 'run.googleapis.com',
      metric: /\/cpu_allocation$/,
      amount: milliCpu,
      because: `all functions at their most instances have ${milliCpu} thousandths of a vCPU`,
    },
    {
      what: 'Cloud KMS has room for every use of a hardware key',
      service: 'cloudkms.googleapis.com',
      // Since February 2026 the hardware's quota is one, in tokens, and a use takes one or more:
      // https://cloud.google.com/kms/quotas. Beyond it Google serves what it can.
      metric: /\/hsm_usage$/,
      amount: grants + certificates,
      because: `${places} grants at once, each of a second and, where models are personal, of a key that no instance has in memory; ${certificates} instances of ${CERTIFYING.join(' and ')} that start within a minute`,
    },
  ];
}

/** As https://cloud.google.com/docs/quotas/reference/rest/v1/projects.locations.services.quotaInfos has it. */
interface QuotaInfo {
  readonly quotaId: string;
  readonly metric?: string;
  readonly refreshInterval?: string;
  readonly dimensionsInfos?: readonly {
    readonly dimensions?: Readonly<Record<string, string>>;
    readonly details?: { readonly value?: string | number };
    readonly applicableLocations?: readonly string[];
  }[];
}

export function quotaChecks(project: Project): readonly Check[] {
  const { gcloud, id, region } = project;
  const scales = async () =>
    new Map([...(await runServices(project))].map(([name, service]) => [name, scaleOf(service)]));
  // What is needed is known only once the services are: the names of the checks are not.
  return quotaNeeds(new Map()).map(({ what, service, metric }, index) => ({
    check: what,
    remedy: `gcloud beta quotas preferences create --service=${service} --quota-id=QUOTA --preferred-value=NEED --dimensions=region=${region} --project=${id}   # or lower max_instances`,
    work: async () => {
      const need = quotaNeeds(await scales())[index];
      if (!need || need.amount === 0) throw new Error('no function that needs it is deployed');
      const infos = ((await gcloud('beta', 'quotas', 'info', 'list', `--service=${service}`)) ??
        []) as readonly QuotaInfo[];
      const limits = infos
        .filter((info) => metric.test(info.metric ?? ''))
        .flatMap((info) => limitsIn(info, region));
      if (limits.length === 0) throw new Error('no quota for it is listed: look in the console');
      for (const { quotaId, limit } of limits) {
        if (limit < need.amount)
          throw new Error(`${quotaId} is ${limit}, needed are ${need.amount}: ${need.because}`);
      }
    },
  }));
}

function scaleOf({ spec: { template } }: RunService): Scale {
  const annotations = template.metadata?.annotations ?? {};
  const cpu = template.spec?.containers?.[0]?.resources?.limits?.['cpu'] ?? '1';
  return {
    instances: Number(annotations['autoscaling.knative.dev/maxScale'] ?? 100),
    concurrency: template.spec?.containerConcurrency ?? 80,
    milliCpu: cpu.endsWith('m') ? Number.parseInt(cpu, 10) : Number(cpu) * 1000,
  };
}

/** What holds in this region, or everywhere; -1 is no limit, and a daily one is none of a minute. */
function limitsIn({ quotaId, refreshInterval, dimensionsInfos = [] }: QuotaInfo, region: string) {
  if (refreshInterval === 'day') return [];
  return dimensionsInfos.flatMap(({ dimensions = {}, details, applicableLocations = [] }) => {
    const limit = Number(details?.value ?? Number.NaN);
    const here =
      dimensions['region'] === region ||
      (dimensions['region'] === undefined &&
        (applicableLocations.length === 0 ||
          applicableLocations.includes(region) ||
          applicableLocations.includes('global')));
    return here && !Number.isNaN(limit) && limit >= 0 ? [{ quotaId, limit }] : [];
  });
}
