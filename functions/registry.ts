/**
 * Every function there is: its name, what triggers it, the secrets it may read, and the module that
 * handles it. Deployment, the URL map, the local front door and the bundles are all made from this
 * table; it is the only file that knows every function. Modules load lazily, since an instance
 * serves one function and pays for what it imports at every cold start.
 */
import type { EndpointTable } from './api/endpoint.ts';
import type { EventHandlerFactory } from './workers/event-handler.ts';

/** A secret of Secret Manager that a function reads from its environment. */
export type SecretName = 'CHALLENGE_SECRET' | 'PSEUDONYM_SECRET' | 'APPLE_RECEIPT_KEY';

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** A path template: `:name` stands for one segment. */
  readonly path: string;
}

interface HttpFunction {
  readonly name: string;
  readonly trigger: { readonly kind: 'http'; readonly routes: readonly Route[] };
  readonly secrets: readonly SecretName[];
  /** It may not write to the database, so that its events have no outbox. */
  readonly database?: false;
  readonly load: () => Promise<{ readonly endpoints: EndpointTable }>;
}

/** `intake`: a finalize event of the intake bucket. `events`: a push of that Pub/Sub topic. */
interface EventFunction {
  readonly name: string;
  readonly trigger: { readonly kind: 'event'; readonly source: 'intake' | 'events' };
  readonly secrets: readonly SecretName[];
  readonly database?: false;
  readonly load: () => Promise<{ readonly createHandler: EventHandlerFactory }>;
}

/** Called over HTTP by Cloud Scheduler's service account; not part of the public API. */
interface ScheduledFunction {
  readonly name: string;
  readonly trigger: { readonly kind: 'schedule'; readonly cron: string; readonly path: string };
  readonly secrets: readonly SecretName[];
  readonly database?: false;
  readonly load: () => Promise<{ readonly endpoints: EndpointTable }>;
}

export type FunctionEntry = HttpFunction | EventFunction | ScheduledFunction;

const API_SECRETS = ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] as const;

export const FUNCTIONS: readonly FunctionEntry[] = [
  {
    name: 'challenge',
    trigger: { kind: 'http', routes: [{ method: 'POST', path: '/v1/challenges' }] },
    secrets: API_SECRETS,
    database: false,
    load: () => import('./api/challenge.ts'),
  },
  {
    name: 'enroll',
    trigger: { kind: 'http', routes: [{ method: 'POST', path: '/v1/devices' }] },
    secrets: API_SECRETS,
    load: () => import('./api/enroll.ts'),
  },
  {
    name: 'grant',
    trigger: { kind: 'http', routes: [{ method: 'POST', path: '/v1/models/:modelId/grants' }] },
    secrets: API_SECRETS,
    load: () => import('./api/grant.ts'),
  },
  {
    name: 'renew',
    trigger: {
      kind: 'http',
      routes: [{ method: 'POST', path: '/v1/licences/:grantId/renewals' }],
    },
    secrets: API_SECRETS,
    load: () => import('./api/renew.ts'),
  },
  {
    name: 'report',
    trigger: { kind: 'http', routes: [{ method: 'POST', path: '/v1/events' }] },
    secrets: API_SECRETS,
    load: () => import('./api/report.ts'),
  },
  {
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
    load: () => import('./api/account.ts'),
  },
  {
    name: 'models',
    trigger: { kind: 'http', routes: [{ method: 'GET', path: '/v1/models' }] },
    secrets: ['PSEUDONYM_SECRET'],
    load: () => import('./api/models.ts'),
  },
  {
    name: 'keys',
    trigger: { kind: 'http', routes: [{ method: 'GET', path: '/v1/keys' }] },
    secrets: [],
    load: () => import('./api/keys.ts'),
  },
  {
    name: 'publish',
    trigger: { kind: 'event', source: 'intake' },
    secrets: ['PSEUDONYM_SECRET'],
    load: () => import('./workers/publish.ts'),
  },
  {
    name: 'score',
    trigger: { kind: 'event', source: 'events' },
    secrets: [],
    load: () => import('./workers/score.ts'),
  },
  {
    name: 'sweep',
    trigger: { kind: 'schedule', cron: '* * * * *', path: '/internal/sweep' },
    secrets: [],
    load: () => import('./workers/sweep.ts'),
  },
  {
    name: 'erasures',
    trigger: { kind: 'schedule', cron: '* * * * *', path: '/internal/erasures' },
    secrets: ['PSEUDONYM_SECRET'],
    load: () => import('./workers/erasures.ts'),
  },
  {
    name: 'ledger',
    trigger: { kind: 'schedule', cron: '* * * * *', path: '/internal/ledger' },
    secrets: [],
    load: () => import('./workers/ledger.ts'),
  },
  {
    name: 'receipts',
    trigger: { kind: 'schedule', cron: '0 * * * *', path: '/internal/receipts' },
    secrets: ['APPLE_RECEIPT_KEY'],
    load: () => import('./workers/receipts.ts'),
  },
];
