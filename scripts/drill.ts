/**
 * `npm run drill`: how long it takes until a revocation holds, on a local stack of its own. `--json
 * FILE` writes the figures for machines, `--in-memory` does without the emulators.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createServices } from '../functions/composition.ts';
import { loadConfig } from '../functions/config.ts';
import { startStack } from '../test/stack/stack.ts';
import { virtualIphone } from '../test/virtual-phones/virtual-iphone.ts';
import { revocationDrill } from './drill/revocation.ts';

const { values } = parseArgs({
  options: { json: { type: 'string' }, 'in-memory': { type: 'boolean', default: false } },
});

const stack = await startStack({ inMemory: values['in-memory'] });
try {
  const services = await createServices(
    loadConfig(stack.environment),
    { name: 'drill', secrets: ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] },
    stack.clients,
    () => undefined,
  );
  const results = await revocationDrill({
    services,
    baseUrl: stack.baseUrl,
    token: (user) => stack.token(user),
    userId: (user) => services.pseudonyms.user(stack.issuer, user),
    platform: () => virtualIphone({ roots: stack.roots, ...stack.app, environment: 'production' }),
  });
  console.log(
    `on ${stack.mode === 'emulators' ? 'the emulators' : 'in-memory doubles'}, in milliseconds from the act:\n`,
  );
  console.log('revoked          refused  with              grants meanwhile  copy to be erased');
  for (const { what, refusedAfterMs, refusedWith, grantedMeanwhile, erasedAfterMs } of results) {
    console.log(
      [
        what.padEnd(16),
        refusedAfterMs.toFixed(0).padStart(7),
        ` ${refusedWith.padEnd(17)}`,
        String(grantedMeanwhile).padStart(16),
        erasedAfterMs.toFixed(0).padStart(18),
      ].join(' '),
    );
  }
  if (values.json) {
    const figures = results.flatMap(({ what, refusedWith, refusedAfterMs, erasedAfterMs }) => [
      { name: `drill.${what}.refused_ms`, value: refusedAfterMs, unit: 'ms', note: refusedWith },
      {
        name: `drill.${what}.erase_ms`,
        value: erasedAfterMs,
        unit: 'ms',
        note: 'answered to a report',
      },
    ]);
    await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
  }
} finally {
  await stack.stop();
}
process.exit(0);
