import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { publishBytes } from '../support/publish.ts';
import { tellStory } from '../support/story.ts';
import { saveTestRoots } from '../virtual-phones/test-roots.ts';
import type { SmokeIdentity } from './identity.ts';
import { smoke } from './steps.ts';

let stack: Stack;
let identity: Omit<SmokeIdentity, 'token'>;
let users = 0;
const folder = mkdtempSync(join(tmpdir(), 'modelseal-smoke-'));

beforeAll(async () => {
  stack = await startStack({ inMemory: true });
  const services = await createServices(
    loadConfig(stack.environment),
    { name: 'smoke', secrets: ['PSEUDONYM_SECRET'] },
    stack.clients,
    () => undefined,
  );
  await publishBytes(services, 'smoke', randomBytes(20_000), { format: 'opaque' });
  saveTestRoots(folder, stack.roots);
  identity = {
    model: 'smoke',
    app: stack.app,
    testRoots: folder,
  };
});
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true });
});

const broken: Server[] = [];
afterAll(() => {
  for (const server of broken) server.close();
});

/** The stack with a part of it broken: paths that have `part` in them answer 500. */
async function without(part: string): Promise<string> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (path.includes(part)) {
      response.writeHead(500).end();
      return;
    }
    const { hostname, port } = new URL(stack.baseUrl);
    const { method = 'GET', headers } = request;
    request.pipe(
      forward({ hostname, port, path, method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  broken.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Each run has a user of its own: somebody who enrols so many phones within a minute is no person. */
const failedSteps = async (changes: Partial<SmokeIdentity>, baseUrl = stack.baseUrl) => {
  const token = await stack.token(`smoke${++users}`);
  const story = tellStory(() => undefined);
  await smoke(story, { baseUrl, identity: { ...identity, token, ...changes } });
  return story.results.filter(({ ok }) => !ok).map(({ title, detail }) => `${title}: ${detail}`);
};

describe('the smoke client', () => {
  it('finds a sound deployment sound', async () => {
    expect(await failedSteps({})).toEqual([]);
  });

  it('finds it sound again and again: a run is not held against the next one', async () => {
    const token = {
      url: `${stack.issuer}/token`,
      form: { subject: 'smoke-{run}' },
      member: 'id_token',
    };
    for (let run = 0; run < 8; run++) expect(await failedSteps({ token })).toEqual([]);
  });

  it('names the step where the user’s token is no good', async () => {
    const failed = await failedSteps({ token: 'none' });
    expect(failed[0]).toMatch(/^The user signs in/);
  });

  it('names the step where the model is not there', async () => {
    const failed = await failedSteps({ model: 'missing' });
    expect(failed.map((line) => line.split(':')[0])).toEqual([
      'The user signs in and sees the model',
      'It gets the model, opens it and keeps it encrypted',
      'The stored copy opens again',
      'Its licence is renewed',
    ]);
  });

  it('leaves no device behind that would take the place of the next', async () => {
    const token = await stack.token('tidy');
    expect(await failedSteps({ token })).toEqual([]);
    const api = new ApiClient({ baseUrl: stack.baseUrl, userToken: async () => token });
    const { devices } = (await api.exportMe()) as { devices: { retiredAt: unknown }[] };
    expect(devices.length).toBeGreaterThan(0);
    expect(devices.filter(({ retiredAt }) => retiredAt === null)).toEqual([]);
  });

  it('fails with the step that was broken: a deployment that renews nothing, or exports nothing', async () => {
    expect(await failedSteps({}, await without('/renewals'))).toEqual([
      expect.stringMatching(/^Its licence is renewed: /),
    ]);
    expect(await failedSteps({}, await without('/v1/me'))).toEqual([
      expect.stringMatching(/^The user sees what is held: /),
      expect.stringMatching(/^The phone is retired: /),
    ]);
  });

  it('names the steps that a missing test root spoils', async () => {
    const failed = await failedSteps({ testRoots: join(folder, 'none') });
    expect(failed[0]).toMatch(/^A phone enrols: .*ENOENT/);
    expect(failed).toHaveLength(7);
  });

  it('fails at every step where nobody answers', async () => {
    const failed = await failedSteps({}, 'http://127.0.0.1:9');
    expect(failed.length).toBeGreaterThan(5);
  });
});
