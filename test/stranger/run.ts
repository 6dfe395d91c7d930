/**
 * `npm run stranger`: a client that somebody wrote from docs/mobile/protocol.md alone, in Python, against
 * the vectors and `npm start`. Leaves with 1 where the document does not suffice.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runStart } from '../e2e/start-command.ts';
import { pythonEnvironment } from '../support/python-environment.ts';

const HERE = import.meta.dirname;
const file = (name: string) => join(HERE, name);

const python = await pythonEnvironment(join(HERE, '../../.formats-reference/stranger'), [
  { file: file('requirements.txt') },
]);
console.log(`vectors: ${(await python([file('vectors.py')])).trim()}`);

const cwd = await mkdtemp(join(tmpdir(), 'modelseal-stranger-'));
const settings = join(cwd, 'stack.json');
const stack = runStart(['--in-memory', '--faults', '--json', settings], { cwd });
try {
  await stack.until(/Ctrl-C ends it/);
  console.log(`against npm start: ${(await python([file('life.py'), settings])).trim()}`);
} finally {
  stack.child.kill('SIGINT');
  if (stack.child.exitCode === null) await once(stack.child, 'exit');
  await rm(cwd, { recursive: true, force: true });
}
