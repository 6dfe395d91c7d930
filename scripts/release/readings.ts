/** What revisions did, by Cloud Monitoring's PromQL (https://cloud.google.com/monitoring/promql). */
import { NOTHING, type Reading, type Readings } from './judge.ts';

/** One series of an answer: its labels and its newest value. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}
/** Asks a question. Rejects where Cloud Monitoring refuses: who cannot see must not go on. */
export type Query = (promql: string) => Promise<readonly Series[]>;

export interface Asked {
  readonly project: string;
  readonly token: () => Promise<string>;
  readonly endpoint?: string;
}

export const createQuery =
  ({ project, token, endpoint = 'https://monitoring.googleapis.com' }: Asked): Query =>
  async (query) => {
    const url = `${endpoint}/v1/projects/${project}/location/global/prometheus/api/v1/query`;
    const response = await fetch(url, {
      method: 'POST',
      headers: { Authorization: `Bearer ${await token()}` },
      body: new URLSearchParams({ query }),
    });
    if (!response.ok) throw new Error(`Cloud Monitoring answered ${response.status}`);
    const { data } = (await response.json()) as { data: { result: readonly Series[] } };
    return data.result;
  };

const BY = 'service_name,location';
/** Counted from our own log lines, by what refused: infra/metrics.tf. */
const REFUSALS = 'logging_googleapis_com:user_modelseal_refusals';
const REQUESTS = 'run_googleapis_com:request_count';
const LATENCIES = 'run_googleapis_com:request_latencies_bucket';

/** What `revisions`, by place, did in the last `seconds`; places that did nothing are in it, too. */
export async function readings(
  query: Query,
  revisions: ReadonlyMap<string, string>,
  seconds: number,
): Promise<Readings> {
  const which = `monitored_resource="cloud_run_revision",revision_name=~"${[...revisions.values()].join('|')}"`;
  const increase = (metric: string, by: string) =>
    query(`sum by (${BY}${by}) (increase(${metric}{${which}}[${seconds}s]))`);
  const [requests, refusals, latencies] = await Promise.all([
    increase(REQUESTS, ',response_code_class'),
    increase(REFUSALS, ',outcome'),
    query(
      `histogram_quantile(0.95, sum by (${BY},le) (increase(${LATENCIES}{${which}}[${seconds}s])))`,
    ),
  ]);
  const found = new Map<string, Reading>([...revisions.keys()].map((place) => [place, NOTHING]));
  const add = (series: Series, change: (reading: Reading, value: number) => Partial<Reading>) => {
    const place = `${series.metric['service_name']}@${series.metric['location']}`;
    const reading = found.get(place);
    const value = Number(series.value[1]);
    if (reading && Number.isFinite(value))
      found.set(place, { ...reading, ...change(reading, value) });
  };
  for (const series of requests) {
    const failed = series.metric['response_code_class'] === '5xx';
    add(series, (reading, value) => ({
      requests: reading.requests + value,
      errors: reading.errors + (failed ? value : 0),
    }));
  }
  for (const series of refusals) {
    const outcome = series.metric['outcome'] ?? 'unknown';
    add(series, ({ refusals: others }, value) => ({ refusals: { ...others, [outcome]: value } }));
  }
  for (const series of latencies) add(series, (_reading, value) => ({ latencyMs: value }));
  return found;
}
