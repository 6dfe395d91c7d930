/**
 * Every function there is: its name, what triggers it, the secrets it may read, the services it uses
 * and the module that handles it. Deployment, the URL map, the local front door and the bundles are
 * all made from this table; it is the only file that knows every function. Modules load lazily, since
 * an instance serves one function and pays for what it imports at every cold start.
 */
import type { EndpointTable } from './api/endpoint.ts';
import type { CoreServices, DeclaredServices, ServiceName, Services } from './services.ts';
import type { EventHandlerFactory } from './workers/event-handler.ts';

/** A secret of Secret Manager that a function reads from its environment. */
export type SecretName =
  | 'CHALLENGE_SECRET'
  | 'PSEUDONYM_SECRET'
  | 'APPLE_RECEIPT_KEY'
  | 'URL_SIGNING_KEY';

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** A path template: `:name` stands for one segment. */
  readonly path: string;
}

/**
 * `http` is the public API behind the load balancer; `console`, what the operators' page asks through
 * Firebase Hosting, and no part of it.
 */
interface HttpTrigger {
  readonly kind: 'http' | 'console';
  readonly routes: readonly Route[];
}

/** Called over HTTP by Cloud Scheduler's service account; not part of the public API. */
interface ScheduleTrigger {
  readonly kind: 'schedule';
  readonly cron: string;
  readonly path: string;
}

/** `intake`: a finalize event of the intake bucket. `events` and `orders`: a push of that Pub/Sub topic. */
interface EventTrigger {
  readonly kind: 'event';
  readonly source: 'intake' | 'events' | 'orders';
}

interface Entry<Trigger, Module, N extends ServiceName> {
  readonly name: string;
  readonly trigger: Trigger;
  readonly secrets: readonly SecretName[];
  /** What composition.ts makes for it. */
  readonly services: readonly N[];
  readonly load: () => Promise<Module>;
}

type Given<N extends ServiceName> = CoreServices & Pick<DeclaredServices, N>;
interface EndpointModule<S> {
  readonly endpoints: EndpointTable<S>;
}
interface HandlerModule<S> {
  readonly createHandler: EventHandlerFactory<S>;
}

export type RequestFunction = Entry<
  HttpTrigger | ScheduleTrigger,
  EndpointModule<Services>,
  ServiceName
>;
export type EventFunction = Entry<EventTrigger, HandlerModule<Services>, ServiceName>;
export type FunctionEntry = RequestFunction | EventFunction;

/** The compiler sees to it that a module takes no service that its entry does not name. */
const serves = <N extends ServiceName>(
  entry: Entry<HttpTrigger | ScheduleTrigger, EndpointModule<Given<N>>, N>,
): RequestFunction => entry;
const handles = <N extends ServiceName>(
  entry: Entry<EventTrigger, HandlerModule<Given<N>>, N>,
): EventFunction => entry;

const API_SECRETS = ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] as const;

export const FUNCTIONS: readonly FunctionEntry[] = [
  serves({
    name: 'challenge',
    trigger: { kind: 'http', routes: [{ method: 'POST', path: '/v1/challenges' }] },
    secrets: API_SECRETS,
    services: ['callers', 'challenges', 'emit'],
    load: () => import('./api/challenge.ts'),
  }),
  serves({
    name: 'enroll',
    trigger: {
      kind: 'http',
      routes: [
        { method: 'POST', path: '/v1/devices' },
        { method: 'POST', path: '/v1/devices/:deviceId/approvals' },
      ],
    },
    secrets: [...API_SECRETS, 'APPLE_RECEIPT_KEY'],
    services: ['callers', 'challenges', 'documents', 'enrolmentPolicy', 'deviceSeals', 'emit'],
    load: () => import('./api/enroll.ts'),
  }),
  serves({
    name: 'grant',
    trigger: { kind: 'http', routes: [{ method: 'POST', path: '/v1/models/:modelId/grants' }] },
    secrets: API_SECRETS,
    services: [
      'callers',
      'challenges',
      'documents',
      'objects',
      'attestationPolicy',
      'deviceSeals',
      'ownerSeals',
      'manifests',
      'versionKeys',
      'licences',
      'urls',
      'emit',
    ],
    load: () => import('./api/grant.ts'),
  }),
  serves({
    name: 'renew',
    trigger: {
      kind: 'http',
      routes: [{ method: 'POST', path: '/v1/licences/:grantId/renewals' }],
    },
    secrets: API_SECRETS,
    services: [
      'callers',
      'challenges',
      'documents',
      'attestationPolicy',
      'deviceSeals',
      'ownerSeals',
      'manifests',
      'licences',
      'emit',
    ],
    load: () => import('./api/renew.ts'),
  }),
  serves({
    name: 'report',
    trigger: { kind: 'http', routes: [{ method: 'POST', path: '/v1/events' }] },
    secrets: API_SECRETS,
    services: ['callers', 'challenges', 'documents', 'deviceSeals', 'events', 'emit'],
    load: () => import('./api/report.ts'),
  }),
  serves({
    name: 'account',
    trigger: {
      kind: 'http',
      routes: [
        { method: 'DELETE', path: '/v1/devices/:deviceId' },
        { method: 'GET', path: '/v1/me' },
        { method: 'DELETE', path: '/v1/me' },
      ],
    },
    secrets: API_SECRETS,
    services: ['callers', 'challenges', 'documents', 'deviceSeals', 'emit'],
    load: () => import('./api/account.ts'),
  }),
  serves({
    name: 'models',
    trigger: { kind: 'http', routes: [{ method: 'GET', path: '/v1/models' }] },
    secrets: ['PSEUDONYM_SECRET'],
    services: ['callers', 'documents'],
    load: () => import('./api/models.ts'),
  }),
  serves({
    name: 'keys',
    trigger: { kind: 'http', routes: [{ method: 'GET', path: '/v1/keys' }] },
    secrets: [],
    services: ['keys'],
    load: () => import('./api/keys.ts'),
  }),
  serves({
    name: 'admin',
    trigger: {
      kind: 'console',
      routes: [
        { method: 'GET', path: '/v1/admin/sign-in' },
        { method: 'POST', path: '/v1/admin/sessions' },
        { method: 'GET', path: '/v1/admin/session' },
        { method: 'DELETE', path: '/v1/admin/session' },
        { method: 'GET', path: '/v1/admin/overview' },
        { method: 'GET', path: '/v1/admin/cases' },
        { method: 'POST', path: '/v1/admin/verdicts' },
        { method: 'GET', path: '/v1/admin/subjects/:subject' },
        { method: 'POST', path: '/v1/admin/subjects/:subject/acts' },
        { method: 'GET', path: '/v1/admin/models' },
        { method: 'POST', path: '/v1/admin/models/:modelId/orders' },
        { method: 'GET', path: '/v1/admin/rules' },
        { method: 'POST', path: '/v1/admin/rules/trials' },
        { method: 'GET', path: '/v1/admin/health' },
        { method: 'GET', path: '/v1/admin/leaks' },
        { method: 'POST', path: '/v1/admin/leaks' },
        { method: 'POST', path: '/v1/admin/leaks/:leakId/parts' },
        { method: 'POST', path: '/v1/admin/leaks/:leakId/trace' },
        { method: 'GET', path: '/v1/admin/leaks/:leakId/evidence' },
      ],
    },
    secrets: [],
    services: ['consoleAccess', 'documents', 'objects', 'keys', 'publisher'],
    load: () => import('./api/admin.ts'),
  }),
  handles({
    name: 'publish',
    trigger: { kind: 'event', source: 'intake' },
    secrets: ['PSEUDONYM_SECRET'],
    services: ['documents', 'objects', 'keys', 'versionKeys', 'pseudonyms'],
    load: () => import('./workers/publish.ts'),
  }),
  handles({
    name: 'score',
    trigger: { kind: 'event', source: 'events' },
    secrets: [],
    services: ['documents', 'publisher'],
    load: () => import('./workers/score.ts'),
  }),
  serves({
    name: 'sweep',
    trigger: { kind: 'schedule', cron: '* * * * *', path: '/internal/sweep' },
    secrets: [],
    services: ['documents', 'objects', 'publisher', 'emit'],
    load: () => import('./workers/sweep.ts'),
  }),
  serves({
    name: 'erasures',
    trigger: { kind: 'schedule', cron: '* * * * *', path: '/internal/erasures' },
    secrets: ['PSEUDONYM_SECRET'],
    services: ['documents', 'objects', 'pseudonyms'],
    load: () => import('./workers/erasures.ts'),
  }),
  serves({
    name: 'ledger',
    trigger: { kind: 'schedule', cron: '* * * * *', path: '/internal/ledger' },
    secrets: [],
    services: ['documents'],
    load: () => import('./workers/ledger.ts'),
  }),
  serves({
    name: 'campaigns',
    trigger: { kind: 'schedule', cron: '0 * * * *', path: '/internal/campaigns' },
    secrets: [],
    services: ['documents'],
    load: () => import('./workers/campaigns.ts'),
  }),
  serves({
    name: 'receipts',
    trigger: { kind: 'schedule', cron: '0 * * * *', path: '/internal/receipts' },
    secrets: ['APPLE_RECEIPT_KEY'],
    services: ['documents', 'enrolmentPolicy', 'emit'],
    load: () => import('./workers/receipts.ts'),
  }),
  serves({
    name: 'revocations',
    trigger: { kind: 'schedule', cron: '*/30 * * * *', path: '/internal/revocations' },
    secrets: [],
    services: ['documents', 'emit'],
    load: () => import('./workers/revocations.ts'),
  }),
  serves({
    name: 'releases',
    trigger: { kind: 'schedule', cron: '0 * * * *', path: '/internal/releases' },
    secrets: [],
    services: ['documents', 'objects', 'keys'],
    load: () => import('./workers/releases.ts'),
  }),
  serves({
    name: 'url-keys',
    trigger: { kind: 'schedule', cron: '0 * * * *', path: '/internal/url-keys' },
    secrets: ['URL_SIGNING_KEY'],
    services: ['documents', 'keys'],
    load: () => import('./workers/url-keys.ts'),
  }),
  serves({
    name: 'rollouts',
    trigger: { kind: 'schedule', cron: '*/5 * * * *', path: '/internal/rollouts' },
    secrets: [],
    services: ['documents', 'objects', 'keys', 'emit'],
    load: () => import('./workers/rollouts.ts'),
  }),
  serves({
    name: 'traces',
    trigger: { kind: 'schedule', cron: '* * * * *', path: '/internal/traces' },
    secrets: [],
    services: ['documents', 'objects', 'versionKeys', 'manifests'],
    load: () => import('./workers/traces.ts'),
  }),
  handles({
    name: 'orders',
    trigger: { kind: 'event', source: 'orders' },
    secrets: [],
    services: ['consoleAccess', 'documents', 'objects', 'keys'],
    load: () => import('./workers/orders.ts'),
  }),
];
