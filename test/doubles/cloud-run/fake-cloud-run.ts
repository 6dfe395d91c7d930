/**
 * Cloud Run's Admin API v2 on loopback, for drills of a release: services with revisions that it names
 * itself, operations that take a moment, etags, traffic that must add up, and the 409 of a revision
 * name that was there before.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Target {
  type?: string;
  revision?: string;
  percent?: number;
  tag?: string;
}
interface FakeService {
  etag: number;
  template: { revision?: string; containers: { image: string }[] };
  latestReadyRevision: string;
  latestCreatedRevision: string;
  traffic: Target[];
}
interface FakeRevision {
  image: string;
  ready: boolean;
  createTime: string;
}

export interface FakeCloudRun {
  readonly endpoint: string;
  /** Images whose container does not start. */
  readonly broken: Set<string>;
  /** Services that refuse every change. */
  readonly stuck: Set<string>;
  /** Percent by revision name. */
  traffic(service: string): Readonly<Record<string, number>>;
  /** A revision made past us and named by its maker, as `gcloud run deploy` does. */
  deployNamed(service: string, revision: string, image: string): void;
  revisionNames(service: string): readonly string[];
  close(): Promise<void>;
}

const PREFIX = '/v2/projects/p/locations/r/services/';

export async function startFakeCloudRun(names: readonly string[]): Promise<FakeCloudRun> {
  const services = new Map<string, FakeService>();
  const revisions = new Map<string, Map<string, FakeRevision>>();
  const operations = new Map<string, { polls: number; error?: { message: string } }>();
  const broken = new Set<string>();
  const stuck = new Set<string>();
  let made = 0;

  const makeRevision = (name: string, revision: string, image: string) => {
    made += 1;
    const createTime = new Date(Date.UTC(2026, 0, 1, 0, 0, made)).toISOString();
    revisions.get(name)?.set(revision, { image, ready: !broken.has(image), createTime });
  };
  for (const name of names) {
    const revision = `${name}-00001-old`;
    revisions.set(name, new Map());
    makeRevision(name, revision, 'old');
    services.set(name, {
      ...{ etag: 1, latestReadyRevision: revision, latestCreatedRevision: revision },
      template: { containers: [{ image: 'old' }] },
      traffic: [{ type: 'TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION', revision, percent: 100 }],
    });
  }

  /** Carries a change out; throws `[status, message]` where Cloud Run would refuse it. */
  function patch(
    name: string,
    service: FakeService,
    mask: readonly string[],
    body: Partial<FakeService>,
  ) {
    if (stuck.has(name)) throw [503, 'try again'];
    if (body.etag !== undefined && Number(body.etag) !== service.etag) throw [409, 'etag'];
    const known = revisions.get(name) ?? new Map<string, FakeRevision>();
    let failed: string | undefined;
    if (mask.includes('template') && body.template) {
      const { template } = body;
      const image = template.containers[0]?.image ?? '';
      if (template.revision && known.has(template.revision))
        throw [
          409,
          `Revision named '${template.revision}' with different configuration already exists.`,
        ];
      const revision =
        template.revision ?? `${name}-${String(known.size + 1).padStart(5, '0')}-new`;
      makeRevision(name, revision, image);
      service.template = template;
      service.latestCreatedRevision = revision;
      if (known.get(revision)?.ready) service.latestReadyRevision = revision;
      else failed = `Revision '${revision}' is not ready: the container did not start`;
    }
    if (mask.includes('traffic') && body.traffic && !failed) {
      const sum = body.traffic.reduce((total, { percent = 0 }) => total + percent, 0);
      if (sum !== 100) throw [400, `traffic adds up to ${sum}`];
      const strange = body.traffic.find(({ revision }) => revision && !known.has(revision));
      if (strange) throw [400, `no revision ${strange.revision}`];
      service.traffic = body.traffic;
    }
    service.etag += 1;
    const operation = `projects/p/locations/r/operations/${operations.size + 1}`;
    operations.set(operation, { polls: 0, ...(failed && { error: { message: failed } }) });
    return { name: operation };
  }

  async function answer(request: IncomingMessage): Promise<unknown> {
    const url = new URL(request.url ?? '', 'http://fake');
    const operation = operations.get(url.pathname.slice('/v2/'.length));
    if (operation) {
      operation.polls += 1;
      const { polls, error } = operation;
      return { name: url.pathname.slice('/v2/'.length), ...(polls > 1 && { done: true, error }) };
    }
    const [name = '', below] = url.pathname.slice(PREFIX.length).split('/');
    const service = services.get(name);
    if (!url.pathname.startsWith(PREFIX) || !service) throw [404, 'no such service'];
    const full = (revision: string) => `${url.pathname.slice('/v2/'.length)}/revisions/${revision}`;
    if (below === 'revisions') {
      return {
        revisions: [...(revisions.get(name) ?? [])].map(
          ([revision, { image, ready, createTime }]) => ({
            ...{ name: full(revision), createTime, containers: [{ image }] },
            conditions: [
              { type: 'Ready', state: ready ? 'CONDITION_SUCCEEDED' : 'CONDITION_FAILED' },
            ],
          }),
        ),
      };
    }
    if (request.method === 'PATCH') {
      const mask = (url.searchParams.get('updateMask') ?? '').split(',');
      return patch(name, service, mask, JSON.parse(await text(request)) as Partial<FakeService>);
    }
    return {
      ...{ template: service.template, etag: String(service.etag) },
      latestReadyRevision: full(service.latestReadyRevision),
      latestCreatedRevision: full(service.latestCreatedRevision),
      trafficStatuses: service.traffic,
    };
  }

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    answer(request).then(
      (body) => response.end(JSON.stringify(body)),
      (reason: unknown) => {
        const [status, message] = Array.isArray(reason) ? reason : [500, String(reason)];
        response.writeHead(Number(status)).end(String(message));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    broken,
    stuck,
    traffic: (name) =>
      Object.fromEntries(
        (services.get(name)?.traffic ?? []).flatMap(({ revision, percent = 0 }) =>
          percent > 0 ? [[revision ?? 'latest', percent]] : [],
        ),
      ),
    deployNamed: (name, revision, image) => {
      const service = services.get(name);
      if (service)
        patch(name, service, ['template'], { template: { revision, containers: [{ image }] } });
    },
    revisionNames: (name) => [...(revisions.get(name)?.keys() ?? [])],
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
