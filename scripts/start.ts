/** `npm start`: runs the whole system on loopback until Ctrl-C. */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SmokeIdentity } from '../test/smoke/identity.ts';
import { seedConsole } from '../test/stack/console-demo.ts';
import { DEVELOPMENT_APPS } from '../test/stack/development-phones.ts';
import { type Stack, startStack } from '../test/stack/stack.ts';
import { timeText } from '../test/support/story.ts';
import { saveTestRoots } from '../test/virtual-phones/test-roots.ts';
import {
  LOCAL_ENVIRONMENT_FILE,
  LOCAL_EVENT_LOG,
  LOCAL_SMOKE_IDENTITY,
  LOCAL_STATE,
} from './commands/command-services.ts';
import { commandLine } from './terminal/command-line.ts';

const SMOKE_ROOTS = join(LOCAL_STATE, 'smoke-roots');

const values = commandLine('start', 'Runs the whole system on loopback until Ctrl-C.')
  .option('--state <folder>', 'keep keys, users and models there for the next start')
  .option('--in-memory', 'do without the emulators, even where they are installed', false)
  .option('--json <file>', 'write what a client needs, once everything is ready')
  .option('--demo', 'models, and a user whom the rules restrict, to look at in the console', false)
  .option('--faults', 'a network with faults beside the API, for tests of phones', false)
  .parse()
  .opts<{ state?: string; inMemory: boolean; demo: boolean; json?: string; faults: boolean }>();

// From the start: a Ctrl-C while things are starting must end them, too.
const interrupted = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => resolve());
});

const startedAt = performance.now();
console.log('Starting everything on loopback …');
const starting = startStack({
  inMemory: values.inMemory,
  eventLog: LOCAL_EVENT_LOG,
  faultyNetwork: values.faults,
  ...(values.state !== undefined && { stateFolder: values.state }),
});
const stack = await Promise.race([starting, interrupted.then(() => undefined)]);
// Whatever has started by then ends with this process.
if (!stack) process.exit(130);

if (values.demo) await seedConsole(stack, stack.operator);
const smokeFile = saveSmokeIdentity(stack);
const environmentFile = stack.mode === 'emulators' ? saveEnvironment(stack) : undefined;
console.log(`\nReady in ${timeText(performance.now() - startedAt)}.\n`);
for (const line of stack.summary) console.log(`  ${line}`);
if (stack.missing.length > 0) {
  console.log('\nFirestore and Pub/Sub are in-memory doubles:');
  for (const line of stack.missing) console.log(`  ${line}`);
}
const { ios, android } = DEVELOPMENT_APPS;
console.log(`
For a client in any language (docs/mobile/sdk.md):
  Base URL        ${stack.baseUrl}
  A user's token  TOKEN=$(curl -s -d subject=alice ${stack.issuer}/token | sed 's/.*"id_token":"\\([^"]*\\).*/\\1/')
  A call          curl -s -H "Authorization: Bearer $TOKEN" ${stack.baseUrl}/v1/models
  Keys to pin     curl -s ${stack.baseUrl}/v1/keys
  A phone         curl -s -H 'Content-Type: application/json' ${stack.development.url}/attestations \\
                    -d '{"platform":"android","clientDataHash":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}'
  App, iOS        ${ios.appId}
  App, Android    ${android.appId}, signed by ${android.signingCertificateDigest}
  A model         curl -s --data-binary @FILE '${stack.development.url}/models?model=ID&version=1.0.0'
`);
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify(clientSettings(stack))}\n`);
if (environmentFile) {
  console.log('Publish a model:  npm run modelseal -- publish --model ID --version V FILE.tflite');
  console.log(
    `The whole story:  npm run smoke -- --url ${stack.baseUrl}   # of a model called smoke`,
  );
}
console.log(`
Events and decisions are written to ${LOCAL_EVENT_LOG}: npm run query, npm run report.
Ctrl-C ends it.`);

await interrupted;
console.log('\nEnding …');
for (const left of [smokeFile, SMOKE_ROOTS, environmentFile]) {
  if (left) rmSync(left, { recursive: true, force: true });
}
await stack.stop();
process.exit(0);

/** What a client in another process needs to be a phone of this stack. */
function clientSettings({ baseUrl, issuer, development, network }: Stack) {
  return {
    baseUrl,
    tokenUrl: `${issuer}/token`,
    developmentUrl: development.url,
    apps: DEVELOPMENT_APPS,
    ...(network && { networkUrl: network.url }),
  };
}

/** Lets the `modelseal` tool in this folder find the stack. Doubles live in this process, out of its reach. */
function saveEnvironment({ environment }: Stack): string {
  mkdirSync(LOCAL_STATE, { recursive: true, mode: 0o700 });
  const file = join(LOCAL_STATE, LOCAL_ENVIRONMENT_FILE);
  writeFileSync(file, JSON.stringify(environment, null, 2), { mode: 0o600 });
  return file;
}

/** Lets the smoke client in this folder be a user of the stack, with a phone that the stack trusts. */
function saveSmokeIdentity({ issuer, app, roots }: Stack): string {
  saveTestRoots(SMOKE_ROOTS, roots);
  const identity: SmokeIdentity = {
    token: { url: `${issuer}/token`, form: { subject: 'smoke-{run}' }, member: 'id_token' },
    model: 'smoke',
    app,
    testRoots: SMOKE_ROOTS,
  };
  const file = join(LOCAL_STATE, LOCAL_SMOKE_IDENTITY);
  writeFileSync(file, JSON.stringify(identity, null, 2), { mode: 0o600 });
  return file;
}
