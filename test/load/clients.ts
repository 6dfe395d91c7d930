/** Worker: virtual phones that call the API, in a process of their own. */
import { ApiError } from '../../sdk/typescript/api/api-error.ts';
import { loadTestRoots } from '../virtual-phones/test-roots.ts';
import { type Flood, type FloodResult, flood, type LoadedPhone, loadPhones } from './flood.ts';
import { FreePhones } from './free-phones.ts';
import { Histogram } from './histogram.ts';
import { count, type EndpointName, ObservedHttp } from './observed-http.ts';
import { atPace, type Pace } from './pacing.ts';
import { type LoadPhone, loadPhone } from './phones.ts';
import { serveWorker } from './worker.ts';

export interface ClientSetup {
  /** For each instance, where it serves each endpoint; a phone stays with its instance. */
  readonly instances: readonly Readonly<Record<string, string>>[];
  /** Of the virtual phones' test roots. */
  readonly rootsFolder: string;
  /** The identity provider's token endpoint. */
  readonly tokenUrl: string;
  readonly phones: number;
}

export type Scenario =
  | { readonly kind: 'challenges' | 'enrolments' | 'events' }
  | { readonly kind: 'grants'; readonly model: string };

export interface Run {
  readonly scenario: Scenario;
  readonly pace: Pace;
  readonly seconds: number;
}

export interface ObservedCalls {
  /** Counts of a Histogram of the calls that were served. */
  readonly times: readonly number[];
  readonly outcomes: ReadonlyMap<string, number>;
}

export interface RunResult {
  readonly seconds: number;
  /** Operations that succeeded; a grant is one of two calls. */
  readonly done: number;
  /** Operations that did not, by the code of the refusal. */
  readonly failed: ReadonlyMap<string, number>;
  /** Counts of a Histogram of the operations that succeeded, from when they should have begun. */
  readonly times: readonly number[];
  readonly endpoints: ReadonlyMap<EndpointName, ObservedCalls>;
  /** Of this process. */
  readonly cpuMs: number;
}

const REPORT = [
  { type: 'app.started' },
  { type: 'model.opened', model: '250kb', version: '1' },
  { type: 'rasp.checked' },
] as const;

const FIRST_NEWCOMER = 20_000;
/** Phones that get ready at once: what the smallest instance takes without refusing. */
const AT_ONCE = 4;

type ConnectedPhone = LoadPhone & { readonly http: ObservedHttp };

let https: readonly ObservedHttp[] = [];
let makePhone: (index: number) => ConnectedPhone;
let phones: readonly ConnectedPhone[] = [];
let free: FreePhones<ConnectedPhone>;
let loaded: FreePhones<LoadedPhone>;
let newcomers = 0;

/** One operation of a scenario. Throws ApiError. */
async function operate(scenario: Scenario): Promise<unknown> {
  switch (scenario.kind) {
    case 'challenges':
      return free.with(({ api }) => api.challenge('model.grant'));
    case 'enrolments': {
      // Each somebody new: nobody enrols four phones at once, which would wait for one another.
      return makePhone(FIRST_NEWCOMER + newcomers++).client.enrol();
    }
    case 'grants':
      return free.with(({ client }) => client.grant(scenario.model));
    case 'events':
      return free.with(({ client }) => client.report(REPORT));
  }
}

/** The calls that all instances saw since they were last asked. */
function observations(): ReadonlyMap<EndpointName, ObservedCalls> {
  const all = new Map<EndpointName, { times: Histogram; outcomes: Map<string, number> }>();
  for (const http of https) {
    for (const [name, { times, outcomes }] of http.observations) {
      const sum = all.get(name) ?? { times: new Histogram(), outcomes: new Map<string, number>() };
      all.set(name, sum);
      sum.times.merge(times);
      for (const [outcome, calls] of outcomes) count(sum.outcomes, outcome, calls);
    }
    http.observations = new Map();
  }
  return new Map(
    [...all].map(([name, { times, outcomes }]) => [name, { times: times.counts, outcomes }]),
  );
}

const methods = {
  /** Makes and enrols the phones. */
  async prepare({ instances, rootsFolder, tokenUrl, phones: wanted }: ClientSetup): Promise<void> {
    https = instances.map((origins) => new ObservedHttp(origins));
    const roots = loadTestRoots(rootsFolder);
    const token = async (subject: string) => {
      const body = new URLSearchParams({ subject });
      const answer = await fetch(tokenUrl, { method: 'POST', body });
      return ((await answer.json()) as { id_token: string }).id_token;
    };
    makePhone = (index) => {
      const http = https[index % https.length] as ObservedHttp;
      return { http, ...loadPhone({ http, roots, token }, index) };
    };
    phones = Array.from({ length: wanted }, (_, index) => makePhone(index));
    for (let at = 0; at < phones.length; at += AT_ONCE) {
      await Promise.all(phones.slice(at, at + AT_ONCE).map(({ client }) => client.enrol()));
    }
    free = new FreePhones(phones);
  },

  async run({ scenario, pace, seconds }: Run): Promise<RunResult> {
    observations();
    const times = new Histogram();
    const failed = new Map<string, number>();
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    await atPace(pace, seconds, async (countFrom) => {
      try {
        await operate(scenario);
        times.record(performance.now() - countFrom);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        count(failed, error.code);
      }
    });
    const elapsedMs = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpuBefore);
    return {
      seconds: elapsedMs / 1000,
      done: times.count,
      failed,
      times: times.counts,
      endpoints: observations(),
      cpuMs: (user + system) / 1000,
    };
  },

  /** Has every phone sign that many requests for a grant ahead. */
  async load({ model, requestsEach }: { readonly model: string; readonly requestsEach: number }) {
    const all: LoadedPhone[] = [];
    for (let at = 0; at < phones.length; at += AT_ONCE) {
      all.push(...(await loadPhones(phones.slice(at, at + AT_ONCE), model, requestsEach)));
    }
    loaded = new FreePhones(all);
  },

  flood: (options: Flood): Promise<FloodResult> => flood(loaded, options),
};
export type Clients = typeof methods;

serveWorker(methods);
