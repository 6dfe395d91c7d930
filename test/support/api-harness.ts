/** The HTTP functions, scoring and orders in this process, on in-memory doubles of the cloud. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EndpointTable } from '../../functions/api/endpoint.ts';
import { guardServer } from '../../functions/api/ingress.ts';
import { createHttpHandler } from '../../functions/api/pipeline.ts';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { readEventMessage } from '../../functions/fraud/event-message.ts';
import { FUNCTIONS } from '../../functions/registry.ts';
import type { Services } from '../../functions/services.ts';
import { createHandler as createOrdersHandler } from '../../functions/workers/orders.ts';
import { createHandler as createScoreHandler } from '../../functions/workers/score.ts';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import type { DevicePlatform } from '../../sdk/typescript/platform.ts';
import { memoryDocuments } from '../doubles/memory/documents.ts';
import { memoryKeys } from '../doubles/memory/keys.ts';
import { memoryObjects } from '../doubles/memory/objects.ts';
import { type DeliveredMessage, memoryPublisher } from '../doubles/memory/publisher.ts';
import { startVendors, vendorEnvironment } from '../doubles/vendors.ts';
import type { VirtualAppAttestOptions } from '../virtual-phones/app-attest.ts';
import { createTestRoots } from '../virtual-phones/test-roots.ts';
import type { VirtualPixelOptions } from '../virtual-phones/virtual-pixel.ts';
import { genuineIphone, genuinePixel, phoneClient } from './app-phone.ts';
import { TEST_IOS_APP, testEnvironment } from './environment.ts';
import { type PublishChanges, publishBytes } from './publish.ts';
import { startTokenIssuer } from './token-issuer.ts';
import { everydayUrls } from './url-keys.ts';

export type ApiHarness = Awaited<ReturnType<typeof startApi>>;

const MAX_BODY_BYTES = 256 * 1024;

/** `environment` changes the functions' configuration; `wrap` may replace what the functions work with. */
export async function startApi(
  environment: Record<string, string> = {},
  wrap: (services: Services) => Services = (services) => services,
) {
  const idp = await startTokenIssuer();
  const roots = createTestRoots();
  const vendors = await startVendors();
  const config = loadConfig({
    ...testEnvironment(),
    OIDC_ISSUERS: JSON.stringify([
      { issuer: idp.issuer, audience: idp.audience, jwksUri: idp.jwksUri, algorithms: ['ES256'] },
    ]),
    ...vendorEnvironment(vendors, roots),
    ...environment,
  });
  const publisher = memoryPublisher({ backoffMs: 1 });
  const clients = {
    documents: memoryDocuments(),
    objects: memoryObjects(),
    keys: memoryKeys(),
    publisher,
  };
  const logs: string[] = [];
  const made = await createServices(
    config,
    { name: 'test', secrets: ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] },
    clients,
    (line) => void logs.push(line),
  );
  Object.defineProperty(made, 'urls', { value: everydayUrls('https://storage.invalid') });
  const services = wrap(made);
  const events: Record<string, unknown>[] = [];
  const score = createScoreHandler(services);
  const push = ({ messageId, data }: Pick<DeliveredMessage, 'messageId' | 'data'>) => {
    const message = { messageId, data: Buffer.from(JSON.stringify(data)).toString('base64') };
    return { id: messageId, type: 'messagePublished', source: 'test', data: { message } };
  };
  publisher.subscribe('events', async (message) => {
    events.push({ ...readEventMessage(message.data) });
    await score(push(message));
  });
  const carryOut = createOrdersHandler(services);
  publisher.subscribe('orders', (message) => carryOut(push(message)));

  const endpoints: Record<string, EndpointTable<Services>[string]> = {};
  for (const entry of FUNCTIONS) {
    if (entry.trigger.kind === 'event') continue;
    const module = await entry.load();
    if ('endpoints' in module) Object.assign(endpoints, module.endpoints);
  }
  const handle = createHttpHandler('test', endpoints, services);
  const server = guardServer(createServer(), services, { maxBodyBytes: MAX_BODY_BYTES, handle });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const api = (user: string) => new ApiClient({ baseUrl, userToken: () => idp.token(user) });
  const phoneOf = <P extends DevicePlatform>(user: string, platform: P) => {
    const { client } = phoneClient({ baseUrl, userToken: () => idp.token(user), platform });
    return Object.assign(client, { platform });
  };
  return {
    baseUrl,
    idp,
    services,
    clients,
    events,
    logs,
    roots,
    api,
    userId: (user: string) => services.pseudonyms.user(idp.issuer, user),
    /** Resolves when every message that was published has been dealt with. */
    delivered: () => publisher.idle(),
    /** A virtual iPhone of this user. */
    phone(user: string, options: Partial<VirtualAppAttestOptions> = {}) {
      return phoneOf(user, genuineIphone({ roots, app: TEST_IOS_APP }, options));
    },
    /** A virtual Pixel of this user. */
    pixel(user: string, options: Partial<VirtualPixelOptions> = {}) {
      return phoneOf(user, genuinePixel({ roots, vendors }, options));
    },
    vendors,
    publish: (modelId: string, bytes: Uint8Array, changes: PublishChanges = {}) =>
      publishBytes(services, modelId, bytes, changes),
    async close() {
      await new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await publisher.idle();
      await idp.close();
      await vendors.stop();
    },
  };
}
