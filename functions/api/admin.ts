/**
 * What the operators' console asks, `/v1/admin/…`: sessions, and one endpoint an operation of
 * operators/roles.ts. In this order each request shows that it comes from the console's own page, that its
 * session holds, that a role allows it, and that not too much was asked; only then its body is read.
 */
import { z } from 'zod';
import type { DocumentStore } from '../cloud/documents.ts';
import type { EventPublisher } from '../cloud/event-publisher.ts';
import type { KeyService } from '../cloud/keys.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { ServiceError } from '../errors.ts';
import { DEFAULT_RULES } from '../fraud/default-rules.ts';
import {
  createInMemoryRateLimiter,
  type InMemoryRateLimiter,
} from '../fraud/in-memory-rate-limiter.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import type { LimitPolicy } from '../fraud/limits.ts';
import { modelId } from '../identity/client-data.ts';
import { casesOf } from '../operators/cases.ts';
import { label, VERDICTS } from '../operators/label.ts';
import {
  closeUpload,
  leakEvidence,
  leakPart,
  newestLeaks,
  openLeak,
  putLeakPart,
  wantedLeak,
} from '../operators/leak.ts';
import { modelsOf } from '../operators/models-view.ts';
import { healthOf, overviewOf, rulesOf } from '../operators/overview.ts';
import { placeOrder, wantedOrder } from '../operators/release-order.ts';
import { allow, block, unblock } from '../operators/restrict.ts';
import { type Operation, operationsOf } from '../operators/roles.ts';
import { ruleTrial, tryRules } from '../operators/rule-trial.ts';
import {
  type ConsoleAccess,
  type OperatorSession,
  openSession,
  operatorOf,
  requireCsrfToken,
  requireOperation,
  sessionOf,
  signOut,
} from '../operators/session.ts';
import { currentSubject, subjectView } from '../operators/subject-view.ts';
import { parseOrRefuse } from '../validation.ts';
import type { ApiRequest, ApiResponse, Endpoint, EndpointTable } from './endpoint.ts';
import { spendLimit } from './spend-limit.ts';

interface AdminServices {
  readonly config: { readonly buckets: { readonly leaks: string } };
  readonly consoleAccess: ConsoleAccess | null;
  readonly documents: DocumentStore;
  readonly objects: Pick<ObjectStore, 'read' | 'write'>;
  readonly keys: Pick<KeyService, 'publicKeys'>;
  readonly publisher: EventPublisher;
  readonly now: () => Date;
  readonly randomBytes: (size: number) => Uint8Array;
}

/** Of one operator: a person with a page, and a script with his session soon no more. */
const READS: LimitPolicy = { name: 'console-reads', limit: 120, windowSeconds: 60, burst: 60 };
const CHANGES: LimitPolicy = {
  name: 'console-changes',
  limit: 60,
  windowSeconds: 3_600,
  burst: 30,
};
/** Of one operator, too: who is none costs a look at a signature, and keeps nobody else out. */
const SIGN_INS: LimitPolicy = { name: 'console-sign-ins', limit: 20, windowSeconds: 60, burst: 20 };
/** A file has up to 256 parts, each of which is kept once. */
const PARTS: LimitPolicy = { name: 'console-parts', limit: 600, windowSeconds: 60, burst: 300 };
const reads = createInMemoryRateLimiter({ policy: READS, maxCallers: 1_000 });
const signIns = createInMemoryRateLimiter({ policy: SIGN_INS, maxCallers: 1_000 });

const parts = createInMemoryRateLimiter({ policy: PARTS, maxCallers: 1_000 });

const reason = z.string().trim().min(3).max(500);
const signInBody = z.strictObject({
  idToken: z.string().min(1).max(8_192),
  /** What the nonce of the token is the hash of. */
  verifier: z.string().regex(/^[\w-]{43}$/),
});
const verdictBody = z.strictObject({
  decisionId: z.string().regex(/^(?:user|device|network)_[\w-]{1,128}:[\w:]{1,64}$/),
  verdict: z.enum(VERDICTS),
  reason,
});
/** 128 KiB in base64, and what is around it. */
const MAX_PART_BODY_BYTES = 180 * 1024;
const hours = z
  .number()
  .int()
  .min(1)
  .max(24 * 90);
const actBody = z.discriminatedUnion('act', [
  z.strictObject({ act: z.literal('block'), hours, reason }),
  z.strictObject({ act: z.literal('allow'), hours, reason }),
  z.strictObject({ act: z.literal('undo'), reason }),
]);

interface Asked<Body = undefined> {
  readonly session: OperatorSession;
  readonly params: ApiRequest['params'];
  readonly body: Body;
  readonly now: Date;
}

type Handle<Body> = (asked: Asked<Body>, services: AdminServices) => Promise<unknown>;

/** Where there is no console there is no route. */
function accessOf({ consoleAccess }: AdminServices): ConsoleAccess {
  if (!consoleAccess) throw new ServiceError('route_unknown', { reason: 'no_console' });
  return consoleAccess;
}

/**
 * Throws origin_refused for what another page makes the browser send: by Fetch Metadata
 * (https://www.w3.org/TR/fetch-metadata/), and of changes by Origin (RFC 6454), which every browser sends with them.
 */
function requireOwnPage({ header }: ApiRequest, services: AdminServices, changes: boolean): void {
  const { origin } = accessOf(services).settings;
  const site = header('sec-fetch-site');
  const isOwn = site === undefined || site === 'same-origin';
  if (!isOwn || (changes && header('origin') !== origin)) {
    throw new ServiceError('origin_refused', { reason: changes ? 'origin' : 'fetch_site' });
  }
}

/** The body is read where the caller is known; the pipeline hands it on as it came. */
const UNREAD = { schema: z.unknown(), read: (value: unknown) => value };

/** An operation that reads. */
const read = (operation: Operation, handle: Handle<undefined>): Endpoint<AdminServices> => ({
  user: false,
  async handle(request, services) {
    requireOwnPage(request, services, false);
    const { params, now } = request;
    const session = await sessionFor(request, services);
    requireOperation(session, operation, accessOf(services).settings, now);
    refuseFlood(reads, session.email, now);
    return ok(await handle({ session, params, body: undefined, now }, services));
  },
});

/** One that changes something; what it is may depend on the body. A part of an upload has a limit of its own. */
const change = <Body>(
  schema: z.ZodType<Body>,
  operationOf: (body: Body) => Operation,
  handle: Handle<Body>,
  { isPart = false } = {},
): Endpoint<AdminServices> => ({
  user: false,
  body: UNREAD,
  ...(isPart && { maxBodyBytes: MAX_PART_BODY_BYTES }),
  async handle(request, services) {
    requireOwnPage(request, services, true);
    const { params, now } = request;
    const session = await sessionFor(request, services);
    requireCsrfToken(session, request.header('x-csrf-token'));
    const body = parseOrRefuse(schema, request.body);
    requireOperation(session, operationOf(body), accessOf(services).settings, now);
    if (isPart) refuseFlood(parts, session.email, now);
    else {
      const path = limitPaths.operatorChanges(session.email);
      await spendLimit(services.documents, CHANGES, path, now);
    }
    return ok(await handle({ session, params, body, now }, services));
  },
});

const sessionFor = (request: ApiRequest, services: AdminServices): Promise<OperatorSession> =>
  sessionOf(
    { documents: services.documents, settings: accessOf(services).settings },
    request.header('cookie'),
    request.now,
  );

/** Throws rate_limited. */
function refuseFlood(limiter: InMemoryRateLimiter, email: string, now: Date): void {
  const retryAfterSeconds = limiter.waitSeconds(email, now);
  if (retryAfterSeconds > 0) throw new ServiceError('rate_limited', { retryAfterSeconds });
}

const ok = (body: unknown): ApiResponse =>
  body === undefined ? { status: 204 } : { status: 200, body };

/** What the page knows of its session. */
function viewOf(session: OperatorSession, { settings }: ConsoleAccess) {
  const { email, roles, signedInAt, expiresAt, csrfToken } = session;
  const stepUpUntil = new Date(signedInAt.getTime() + settings.stepUpSeconds * 1000);
  return { email, roles, operations: operationsOf(roles), expiresAt, stepUpUntil, csrfToken };
}

/** Throws request_invalid for what is no name of a model. */
const modelOf = (params: ApiRequest['params']): string =>
  parseOrRefuse(modelId, params['modelId'], '/modelId');

/** Throws request_invalid for what names no subject. */
async function subjectOf({ params, now }: Asked<unknown>, { documents }: AdminServices) {
  try {
    return await currentSubject({ documents }, params['subject'] ?? '', now);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const violations = [{ pointer: '/subject', detail: 'not_the_key_of_a_subject' }];
    throw new ServiceError('request_invalid', { violations });
  }
}

export const endpoints: EndpointTable<AdminServices> = {
  'GET /v1/admin/sign-in': {
    user: false,
    async handle(request, services) {
      requireOwnPage(request, services, false);
      const { authorizationEndpoint, issuer, hostedDomain } = accessOf(services).settings;
      return ok({ authorizationEndpoint, clientId: issuer.audience, hostedDomain });
    },
  },
  'POST /v1/admin/sessions': {
    user: false,
    body: UNREAD,
    async handle(request, services) {
      requireOwnPage(request, services, true);
      const access = accessOf(services);
      const { now } = request;
      const operator = await operatorOf(access, parseOrRefuse(signInBody, request.body), now);
      refuseFlood(signIns, operator.email, now);
      const { documents, randomBytes } = services;
      const opened = await openSession({ ...access, documents, randomBytes }, operator, now);
      const headers = { 'Set-Cookie': opened.cookie };
      return { status: 201, headers, body: viewOf(opened.session, access) };
    },
  },
  'GET /v1/admin/session': {
    user: false,
    async handle(request, services) {
      requireOwnPage(request, services, false);
      return ok(viewOf(await sessionFor(request, services), accessOf(services)));
    },
  },
  'DELETE /v1/admin/session': {
    user: false,
    async handle(request, services) {
      requireOwnPage(request, services, true);
      const cookie = await signOut(services, request.header('cookie'));
      return { status: 204, headers: { 'Set-Cookie': cookie, 'Clear-Site-Data': '"storage"' } };
    },
  },
  'GET /v1/admin/overview': read('overview.read', ({ now }, services) => overviewOf(services, now)),
  'GET /v1/admin/models': read('models.read', ({ now }, services) => modelsOf(services, now)),
  'POST /v1/admin/models/:modelId/orders': change(
    wantedOrder,
    ({ act }) => `release.${act}`,
    ({ params, body, session, now }, services) =>
      placeOrder(services, modelOf(params), body, session, now),
  ),
  'GET /v1/admin/rules': read('rules.read', ({ now }, services) => rulesOf(services, now)),
  'POST /v1/admin/rules/trials': change(
    ruleTrial,
    () => 'rules.try',
    ({ body, now }, services) => tryRules(services, body, DEFAULT_RULES, now),
  ),
  'GET /v1/admin/leaks': read('leaks.read', (_, services) => newestLeaks(services)),
  'POST /v1/admin/leaks': change(
    wantedLeak,
    () => 'leak.open',
    ({ body, session, now }, services) => openLeak(services, body, session.email, now),
  ),
  'POST /v1/admin/leaks/:leakId/parts': change(
    leakPart,
    () => 'leak.send',
    ({ params, body, session }, services) =>
      putLeakPart(services, params['leakId'] ?? '', body, session.email),
    { isPart: true },
  ),
  'POST /v1/admin/leaks/:leakId/trace': change(
    z.strictObject({}),
    () => 'leak.send',
    ({ params, session }, services) => closeUpload(services, params['leakId'] ?? '', session.email),
  ),
  'GET /v1/admin/leaks/:leakId/evidence': read('leaks.read', ({ params }, services) =>
    leakEvidence(services, params['leakId'] ?? ''),
  ),
  'GET /v1/admin/health': read('health.read', ({ now }, services) => healthOf(services, now)),
  'GET /v1/admin/cases': read('cases.read', ({ now }, services) => casesOf(services, now)),
  'GET /v1/admin/subjects/:subject': read('subject.read', async (asked, services) =>
    subjectView(services, await subjectOf(asked, services), asked.now),
  ),
  'POST /v1/admin/verdicts': change(
    verdictBody,
    () => 'verdict.give',
    ({ session, body: { decisionId, verdict, reason } }, services) =>
      label(services, decisionId, verdict, { by: session.email, reason }),
  ),
  'POST /v1/admin/subjects/:subject/acts': change(
    actBody,
    ({ act }) => `subject.${act}`,
    async (asked, services) => {
      const subject = await subjectOf(asked, services);
      const { session, body } = asked;
      const act = { by: session.email, reason: body.reason };
      switch (body.act) {
        case 'block':
          return block(services, subject, body.hours, act);
        case 'allow':
          return allow(services, subject, body.hours, act);
        case 'undo':
          return unblock(services, subject, act);
      }
    },
  ),
};
