/** `npm run vectors`: writes the protocol's test vectors (docs/mobile/protocol.md section 14). */
import { writeFile } from 'node:fs/promises';
import { ANSWERS_PATH, makeAnswers } from '../test/vectors/make-answers.ts';
import { makePatches, PATCHES_PATH } from '../test/vectors/make-patches.ts';
import { makeRefusals, REFUSALS_PATH } from '../test/vectors/make-refusals.ts';
import { makeReleases, RELEASES_PATH } from '../test/vectors/make-releases.ts';
import { makeRequests, REQUESTS_PATH } from '../test/vectors/make-requests.ts';
import { makeVectors, VECTORS_PATH } from '../test/vectors/make-vectors.ts';
import { commandLine } from './terminal/command-line.ts';

commandLine('vectors', 'Writes the test vectors of the protocol.').parse();
const vectors = await makeVectors();
const files = [
  [VECTORS_PATH, vectors],
  [REFUSALS_PATH, await makeRefusals(vectors)],
  [PATCHES_PATH, await makePatches(vectors)],
  [RELEASES_PATH, makeReleases(vectors)],
  [REQUESTS_PATH, makeRequests()],
  [ANSWERS_PATH, makeAnswers()],
] as const;
for (const [path, content] of files) await writeFile(path, `${JSON.stringify(content, null, 2)}\n`);
