/** The whole system in this process for one schedule: instances that can die, workers, a cloud with faults. */

import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { EndpointTable } from '../../functions/api/endpoint.ts';
import { guardServer, type HttpHandler } from '../../functions/api/ingress.ts';
import { createHttpHandler } from '../../functions/api/pipeline.ts';
import type { EventPublisher, TopicName } from '../../functions/cloud/event-publisher.ts';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { createPseudonyms } from '../../functions/fraud/pseudonym-moves.ts';
import { pseudonymKeys } from '../../functions/fraud/pseudonyms.ts';
import { renewUrlKeys } from '../../functions/grants/url-keys.ts';
import { streamOf } from '../../functions/protocol/bytes.ts';
import { FUNCTIONS } from '../../functions/registry.ts';
import type { CloudClients, Services } from '../../functions/services.ts';
import { DAY_MS } from '../../functions/time.ts';
import { createHandler as createPublishHandler } from '../../functions/workers/publish.ts';
import { createHandler as createScoreHandler } from '../../functions/workers/score.ts';
import { memoryDocuments } from '../doubles/memory/documents.ts';
import { memoryKeys } from '../doubles/memory/keys.ts';
import { memoryObjects } from '../doubles/memory/objects.ts';
import { startVendors, vendorEnvironment } from '../doubles/vendors.ts';
import { listenOnLoopback } from '../stack/ports.ts';
import { testEnvironment } from '../support/environment.ts';
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';
import { TEST_URL_KEY } from '../support/url-keys.ts';
import { createTestRoots } from '../virtual-phones/test-roots.ts';
import { createFaultPlan, type FaultPlan, faultyCloud } from './faulty-cloud.ts';
import { createInstance, type Instance, running } from './instance.ts';
import { STORAGE_ORIGIN } from './phone-network.ts';
import type { Schedule } from './schedule.ts';

/** What all schedules share: it never fails and nothing of it changes. */
export type Surroundings = Awaited<ReturnType<typeof startSurroundings>>;

export async function startSurroundings() {
  const idp: TokenIssuer = await startTokenIssuer();
  const vendors = await startVendors();
  const roots = createTestRoots();
  const endpoints: Record<string, EndpointTable<Services>[string]> = {};
  for (const entry of FUNCTIONS) {
    if (entry.trigger.kind === 'event') continue;
    const module = await entry.load();
    if ('endpoints' in module) Object.assign(endpoints, module.endpoints);
  }
  const close = async () => {
    await idp.close();
    await vendors.stop();
  };
  return { idp, vendors, roots, endpoints, close };
}

/** A message that a topic took. */
export interface TakenMessage {
  readonly topic: TopicName;
  readonly data: unknown;
}

export type System = Awaited<ReturnType<typeof startSystem>>;

const API_INSTANCES = 2;
const REDELIVERED_AFTER_MS = 5;
/** Faults end; what is delivered so often and still fails will never be taken. */
const MAX_DELIVERIES = 60;

/** `plant` may put a mistake into the cloud that the functions work with, to see that it is noticed. */
export async function startSystem(
  surroundings: Surroundings,
  schedule: Schedule,
  plant: (cloud: CloudClients) => CloudClients = (cloud) => cloud,
) {
  const { idp, vendors, roots, endpoints } = surroundings;
  const plan = createFaultPlan(schedule.faults);
  const taken: TakenMessage[] = [];
  const deposited = new Set<string>();
  const living = new Set<{ readonly instance: Instance; readonly services: Services }>();
  const logs: string[] = [];
  /** The time of day is moved by this at the end, to see what is swept. */
  const clock = { aheadMs: 0 };
  const config = loadConfig({
    ...testEnvironment(),
    OIDC_ISSUERS: JSON.stringify([
      { issuer: idp.issuer, audience: idp.audience, jwksUri: idp.jwksUri, algorithms: ['ES256'] },
    ]),
    ...vendorEnvironment(vendors, roots),
    TRACING: schedule.tracing,
    INSTANCE_CONCURRENCY: '1000',
    STORAGE_ENDPOINT: STORAGE_ORIGIN,
    GRANTS_PER_USER_MINUTE: '100',
    GRANTS_PER_DEVICE_MINUTE: '100',
    REPORTS_PER_DEVICE_MINUTE: '100',
  });
  const pseudonyms = createPseudonyms(pseudonymKeys(config.secrets.PSEUDONYM_SECRET ?? []));
  const deliveries = new Set<Promise<void>>();
  const real: CloudClients = {
    documents: memoryDocuments(),
    objects: memoryObjects(),
    keys: memoryKeys(),
    publisher: topics(),
  };
  // From yesterday: instances' clocks differ.
  await renewUrlKeys(real, TEST_URL_KEY, new Date(Date.now() - DAY_MS));
  const faulty = faultyCloud(plant(real), plan);

  /** Everything that an instance works with; caches and delegate keys die with it. */
  async function servicesOf(instance: Instance): Promise<Services> {
    const services = await createServices(
      config,
      { name: 'faults', secrets: ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] },
      faulty,
      (line) => void logs.push(line),
    );
    const now = () => new Date(Date.now() + clock.aheadMs + instance.skewMs);
    Object.defineProperty(services, 'now', { value: now });
    living.add({ instance, services });
    return services;
  }

  /** Delivers a message or an event of a bucket until a worker that lived to the end has taken it. */
  function deliver(work: (services: Services) => Promise<void>): void {
    const delivery = (async () => {
      for (let attempt = 0; attempt < MAX_DELIVERIES; attempt++) {
        const instance = createInstance();
        const death = new Promise<never>((_, reject) =>
          instance.onKilled(() => reject(new Error('killed'))),
        );
        try {
          await running.run(instance, () => Promise.race([servicesOf(instance).then(work), death]));
          return;
        } catch {
          await pause(REDELIVERED_AFTER_MS * (attempt + 1));
        }
      }
    })().finally(() => deliveries.delete(delivery));
    deliveries.add(delivery);
  }

  function topics(): EventPublisher {
    return {
      async publish(topic, data) {
        taken.push({ topic, data: structuredClone(data) });
        if (topic !== 'events') return;
        const message = {
          data: Buffer.from(JSON.stringify(data)).toString('base64'),
          messageId: String(taken.length),
        };
        const pushed = { id: message.messageId, type: 'm', source: 's', data: { message } };
        // Everybody scores at one time of day, so that one history has one outcome.
        deliver((services) => createScoreHandler({ ...services, now: () => scoredAt })(pushed));
      },
    };
  }
  const scoredAt = new Date();

  /** Resolves when no delivery is under way any more. */
  async function idle(): Promise<void> {
    while (deliveries.size > 0) await Promise.all(deliveries);
  }

  function startInstance(): { readonly instance: Instance; readonly handle: HttpHandler } {
    const instance = createInstance();
    const handler = servicesOf(instance).then((services) =>
      createHttpHandler('api', endpoints, services),
    );
    return { instance, handle: async (request, response) => (await handler)(request, response) };
  }
  const instances = Array.from({ length: API_INSTANCES }, startInstance);
  let next = 0;
  const handle: HttpHandler = (request, response) => {
    next = (next + 1) % API_INSTANCES;
    if (instances[next]?.instance.killed) instances[next] = startInstance();
    const { instance, handle: serve } = instances[next] as (typeof instances)[number];
    instance.onKilled(() => response.destroy());
    return running.run(instance, () => Promise.race([serve(request, response), dead(instance)]));
  };
  const limiter = { concurrencyLimiter: { isFull: () => false }, log: () => undefined } as never;
  const server = guardServer(createServer(), limiter, { maxBodyBytes: 256 * 1024, handle });
  const baseUrl = `http://127.0.0.1:${await listenOnLoopback(server)}`;

  return {
    ...surroundings,
    baseUrl,
    config,
    clock,
    plan: plan satisfies FaultPlan,
    /** What really lies in the cloud. */
    cloud: real,
    taken,
    logs,
    scoredAt,
    /** A model file comes into the intake bucket; its event is delivered until it is done with. */
    async deposit(name: string, bytes: Uint8Array): Promise<void> {
      const { intake } = config.buckets;
      await real.objects.write(intake, name, streamOf(bytes));
      deposited.add(name.split('/')[1] ?? '');
      const event = { id: name, type: 'finalized', source: 's', data: { bucket: intake, name } };
      deliver((services) => createPublishHandler(services)(event));
    },
    userId: (user: string) => pseudonyms.user(idp.issuer, user),
    /** Versions whose file came into the intake. */
    deposited,
    idle,
    /** Resolves when nothing is under way any more in whatever is alive. */
    async drain(): Promise<void> {
      for (const { instance, services } of living) {
        if (!instance.killed) await Promise.race([services.drain(), dead(instance)]);
      }
      await idle();
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const dead = (instance: Instance): Promise<void> =>
  instance.killed ? Promise.resolve() : new Promise((done) => instance.onKilled(done));
