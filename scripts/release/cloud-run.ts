/**
 * Cloud Run's Admin API v2, as far as a release needs it
 * (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services). Revisions are
 * never named by us: a name that is left in a service's template is sent again by the next change,
 * Terraform's too, and refused with 409.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** One function in one region. */
export interface Place {
  readonly name: string;
  readonly region: string;
}

export const placeName = ({ name, region }: Place): string => `${name}@${region}`;

/** Percent of the traffic by revision; `candidate` is the tag that the candidate host leads to. */
export interface Share {
  readonly revision: string;
  readonly percent: number;
  readonly tag?: string;
}

export interface CloudRun {
  /** The revision that has all the traffic. Rejects where it is split: an earlier release did not come to its end. */
  serving(place: Place): Promise<string>;
  /** Makes a revision of `image` without traffic, tagged `candidate`; its name, once it is ready. */
  deployCandidate(place: Place, image: string, serving: string): Promise<string>;
  moveTraffic(place: Place, shares: readonly Share[]): Promise<void>;
  /** The newest ready revision of `image`. Rejects where there is none. */
  revisionOf(place: Place, image: string): Promise<string>;
}

export interface CloudRunOptions {
  readonly project: string;
  /** Bearer token of the account that releases. */
  readonly token: () => Promise<string>;
  readonly endpoint?: string;
  readonly pollMs?: number;
  /** How long one change of a service may take. */
  readonly timeoutMs?: number;
}

interface Target {
  readonly type?: string;
  readonly revision?: string;
  readonly percent?: number;
  readonly tag?: string;
}
interface Service {
  readonly etag?: string;
  readonly template: {
    readonly revision?: string;
    readonly containers: readonly (Readonly<Record<string, unknown>> & {
      readonly image: string;
    })[];
  };
  readonly latestReadyRevision?: string;
  readonly latestCreatedRevision?: string;
  readonly trafficStatuses?: readonly Target[];
}
interface Operation {
  readonly name: string;
  readonly done?: boolean;
  readonly error?: { readonly message?: string };
}
interface Revision {
  readonly name: string;
  readonly createTime?: string;
  readonly containers?: readonly { readonly image?: string }[];
  readonly conditions?: readonly { readonly type?: string; readonly state?: string }[];
}

const ON_REVISION = 'TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION';
const ON_LATEST = 'TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST';
const lastPart = (name = '') => name.split('/').at(-1) ?? '';

/** Calls reject with the service's own words where it refuses, and where an operation fails or takes too long. */
export function createCloudRun({
  project,
  token,
  endpoint = 'https://run.googleapis.com',
  pollMs = 1_000,
  timeoutMs = 600_000,
}: CloudRunOptions): CloudRun {
  const path = ({ name, region }: Place) =>
    `projects/${project}/locations/${region}/services/${name}`;

  async function call<T>(method: string, url: string, body?: unknown): Promise<T> {
    const response = await fetch(`${endpoint}/v2/${url}`, {
      method,
      headers: { Authorization: `Bearer ${await token()}`, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cloud Run: ${method} ${url}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }
  const get = (place: Place) => call<Service>('GET', path(place));

  async function change(place: Place, mask: string, body: object): Promise<void> {
    const giveUpAt = performance.now() + timeoutMs;
    let operation = await call<Operation>('PATCH', `${path(place)}?updateMask=${mask}`, body);
    while (!operation.done) {
      if (performance.now() > giveUpAt) throw new Error(`${placeName(place)}: not done in time`);
      await sleep(pollMs);
      operation = await call<Operation>('GET', operation.name);
    }
    if (operation.error) throw new Error(`${placeName(place)}: ${operation.error.message}`);
  }

  return {
    async serving(place) {
      const { trafficStatuses = [], latestReadyRevision } = await get(place);
      const whole = trafficStatuses.find(({ percent }) => percent === 100);
      const revision = whole?.type === ON_LATEST ? lastPart(latestReadyRevision) : whole?.revision;
      if (!revision) throw new Error(`${placeName(place)}: no revision has all the traffic`);
      return revision;
    },

    async deployCandidate(place, image, serving) {
      const { template, etag } = await get(place);
      const [container, ...sidecars] = template.containers;
      await change(place, 'template,traffic', {
        etag,
        template: {
          ...template,
          revision: undefined,
          containers: [{ ...container, image }, ...sidecars],
        },
        traffic: [
          { type: ON_REVISION, revision: serving, percent: 100 },
          { type: ON_LATEST, percent: 0, tag: 'candidate' },
        ],
      });
      const { latestReadyRevision, latestCreatedRevision } = await get(place);
      const revision = lastPart(latestReadyRevision);
      if (!revision || revision === serving || latestReadyRevision !== latestCreatedRevision)
        throw new Error(`${placeName(place)}: the new revision did not get ready`);
      return revision;
    },

    async moveTraffic(place, shares) {
      const traffic = shares
        .filter(({ percent, tag }) => percent > 0 || tag)
        .map((share) => ({ type: ON_REVISION, ...share }));
      await change(place, 'traffic', { traffic });
    },

    async revisionOf(place, image) {
      const { revisions = [] } = await call<{ revisions?: readonly Revision[] }>(
        'GET',
        `${path(place)}/revisions?pageSize=100`,
      );
      const ready = ({ conditions = [] }: Revision) =>
        conditions.some(({ type, state }) => type === 'Ready' && state === 'CONDITION_SUCCEEDED');
      const [newest] = revisions
        .filter((each) => ready(each) && each.containers?.[0]?.image === image)
        .sort((a, b) => (b.createTime ?? '').localeCompare(a.createTime ?? ''));
      if (!newest) throw new Error(`${placeName(place)}: no ready revision of ${image}`);
      return lastPart(newest.name);
    },
  };
}
