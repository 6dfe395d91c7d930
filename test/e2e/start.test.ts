import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from '@jest/globals';
import { findEmulators } from '../stack/emulators.ts';
import { runStart, type StartCommand, stillRunning } from './start-command.ts';

const START_MS = 90_000;
const cwd = mkdtempSync(join(tmpdir(), 'modelseal-start-'));
const started: StartCommand[] = [];
const start = (args: readonly string[], env?: Readonly<Record<string, string>>): StartCommand => {
  const command = runStart(args, { cwd, ...(env && { env }) });
  started.push(command);
  return command;
};

afterAll(() => {
  for (const { child } of started) child.kill('SIGKILL');
  rmSync(cwd, { recursive: true, force: true });
});

/** The status of `GET /v1/models` for a user of the stack's own issuer. */
async function callAs(subject: string, stack: StartCommand): Promise<number> {
  const [, issuer] = await stack.until(/OIDC issuer\s+(\S+)/);
  const [, api] = await stack.until(/API\s+(http\S+)/);
  const body = new URLSearchParams({ subject });
  const answer = await fetch(`${issuer}/token`, { method: 'POST', body });
  const { id_token } = (await answer.json()) as { id_token: string };
  const headers = { authorization: `Bearer ${id_token}` };
  return (await fetch(`${api}/v1/models`, { headers })).status;
}

/** Those that run still after a moment. */
async function leftOf(pids: readonly number[]): Promise<readonly number[]> {
  for (let wait = 0; wait < 50 && stillRunning(pids).length > 0; wait++) await sleep(100);
  return stillRunning(pids);
}

describe('npm start -- --help', () => {
  it('says its options and starts nothing', async () => {
    const command = start(['--help']);
    expect(await command.ended()).toBe(0);
    expect(command.output()).toContain('--in-memory');
    expect(command.output()).not.toContain('Starting');
  });
});

describe('what npm start prints for clients in other languages', () => {
  it(
    'works when it is pasted: a token, a call, a phone',
    async () => {
      const stack = start(['--in-memory'], { PATH: '' });
      await stack.until(/Ctrl-C ends it/);
      const [, token] = await stack.until(/A user's token\s+(.+)/);
      const [, call] = await stack.until(/A call\s+(.+)/);
      const [, phone] = await stack.until(/A phone\s+(.+\\\n.+)/);
      const pasted = (command = '') => execFileSync('sh', ['-c', command]).toString();
      expect(JSON.parse(pasted(`${token}\n${call}`))).toEqual({ models: [] });
      expect(JSON.parse(pasted(phone))).toMatchObject({ attestation: { format: 'android-key' } });
      stack.child.kill('SIGINT');
      expect(await stack.ended()).toBe(0);
    },
    START_MS,
  );
});

describe('npm start without Java', () => {
  it(
    'says what to install and runs on doubles in one process',
    async () => {
      const stack = start([], { PATH: '' });
      await stack.until(/Ctrl-C ends it/);
      expect(stack.output()).toContain('in-memory doubles');
      expect(stack.output()).toContain('sudo apt-get install default-jre-headless');
      expect(await callAs('alice', stack)).toBe(200);
      const pids = stack.descendants();
      stack.child.kill('SIGINT');
      expect(await stack.ended()).toBe(0);
      expect(await leftOf(pids)).toEqual([]);
    },
    START_MS,
  );
});

if ('missing' in (await findEmulators(process.env))) {
  it('runs only on doubles here', async () => {
    expect(await findEmulators(process.env)).toHaveProperty('missing');
  });
} else {
  describe('npm start with the emulators', () => {
    const args = ['--state', join(cwd, 'state')];
    const environmentFile = join(cwd, '.modelseal', 'environment.json');
    const document = 'v1/projects/modelseal-local/databases/(default)/documents/things/kept';
    let issuer: string | undefined;

    it(
      'runs, and leaves nothing behind on Ctrl-C',
      async () => {
        const stack = start(args);
        await stack.until(/Ctrl-C ends it/);
        expect(await callAs('alice', stack)).toBe(200);
        expect(existsSync(environmentFile)).toBe(true);
        const [, firestore] = await stack.until(/Firestore\s+(\S+)/);
        const saved = await fetch(`http://${firestore}/${document}`, {
          method: 'PATCH',
          headers: { authorization: 'Bearer owner' },
          body: JSON.stringify({ fields: { n: { integerValue: '1' } } }),
        });
        expect(saved.status).toBe(200);
        [, issuer] = await stack.until(/OIDC issuer\s+(\S+)/);

        const pids = stack.descendants();
        expect(pids.length).toBeGreaterThan(10);
        stack.child.kill('SIGINT');
        expect(await stack.ended()).toBe(0);
        expect(await leftOf(pids)).toEqual([]);
        expect(existsSync(environmentFile)).toBe(false);
      },
      START_MS,
    );

    it(
      'starts again with its state, and leaves nothing behind even when killed',
      async () => {
        const stack = start(args);
        await stack.until(/Ctrl-C ends it/);
        const [, firestore] = await stack.until(/Firestore\s+(\S+)/);
        const kept = await fetch(`http://${firestore}/${document}`, {
          headers: { authorization: 'Bearer owner' },
        });
        expect(kept.status).toBe(200);
        expect((await stack.until(/OIDC issuer\s+(\S+)/))[1]).toBe(issuer);
        expect(await callAs('alice', stack)).toBe(200);

        const pids = stack.descendants();
        stack.child.kill('SIGKILL');
        await stack.ended();
        expect(await leftOf(pids)).toEqual([]);
      },
      START_MS,
    );
  });
}
