/** Calls of the `admin` function, whose types these are: what it answers, as JSON has it. */
import type { casesOf } from '../../functions/operators/cases.ts';
import type { newestLeaks } from '../../functions/operators/leak.ts';
import type { modelsOf } from '../../functions/operators/models-view.ts';
import type { healthOf, overviewOf, rulesOf } from '../../functions/operators/overview.ts';
import type { Operation, Role } from '../../functions/operators/roles.ts';
import type { tryRules } from '../../functions/operators/rule-trial.ts';
import type { subjectView } from '../../functions/operators/subject-view.ts';

/** A value after a journey as JSON. */
type Json<T> = T extends Date
  ? string
  : T extends readonly (infer E)[]
    ? readonly Json<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Json<T[K]> }
      : T;
type Answer<F extends (...args: never[]) => unknown> = Json<Awaited<ReturnType<F>>>;

export type Overview = Answer<typeof overviewOf>;
export type Cases = Answer<typeof casesOf>;
export type Case = Cases['cases'][number];
export type Act = Cases['acts'][number];
export type Models = Answer<typeof modelsOf>;
export type Leaks = Answer<typeof newestLeaks>;
export type Rules = Answer<typeof rulesOf>;
export type RuleTrialResult = Answer<typeof tryRules>;
export type Health = Answer<typeof healthOf>;
export type SubjectView = Answer<typeof subjectView>;

export interface Session {
  readonly email: string;
  readonly roles: readonly Role[];
  readonly operations: readonly Operation[];
  readonly expiresAt: string;
  readonly stepUpUntil: string;
  readonly csrfToken: string;
}

/** A refusal, by the code of its problem document. */
export class Refusal extends Error {
  readonly code: string;

  constructor(code: string, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** Kept in memory alone: a page that is closed has forgotten it. */
let csrfToken = '';

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`/v1/admin/${path}`, {
    method,
    headers: {
      ...(csrfToken && method !== 'GET' && { 'x-csrf-token': csrfToken }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Refusal('unreachable', 'The console cannot be reached. Are you online?');
  });
  const text = await response.text();
  const answer = (text === '' ? undefined : JSON.parse(text)) as unknown;
  if (response.ok) return answer as T;
  const { code = 'internal', detail = 'Something went wrong.' } = answer as Partial<
    Record<'code' | 'detail', string>
  >;
  throw new Refusal(code, detail);
}

const remember = (session: Session): Session => {
  csrfToken = session.csrfToken;
  return session;
};

export const api = {
  get: <T>(path: string): Promise<T> => call('GET', path),
  post: <T = void>(path: string, body: object): Promise<T> => call('POST', path, body),
  session: async () => remember(await call<Session>('GET', 'session')),
  openSession: async (idToken: string, verifier: string) =>
    remember(await call<Session>('POST', 'sessions', { idToken, verifier })),
  async endSession() {
    await call<void>('DELETE', 'session');
    csrfToken = '';
  },
};
