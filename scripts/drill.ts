/** `npm run drill`: how long it takes until a revocation holds, whether keys can be rotated and a backup restored, on a local stack of its own. */

import { writeFile } from 'node:fs/promises';
import { createServices } from '../functions/composition.ts';
import { loadConfig } from '../functions/config.ts';
import { keyDrill } from '../test/stack/key-drill.ts';
import { restoreDrill } from '../test/stack/restore-drill.ts';
import { startStack } from '../test/stack/stack.ts';
import { genuineIphone } from '../test/support/app-phone.ts';
import { revocationDrill } from './drill/revocation.ts';
import { commandLine } from './terminal/command-line.ts';

const values = commandLine('drill', 'Measures how long it takes until a revocation holds.')
  .option('--json <file>', 'write the figures for machines')
  .option('--in-memory', 'do without the emulators', false)
  .option('--keys', 'rotate the signing keys and the pseudonym secret instead', false)
  .option('--restore', 'export, lose and restore the database instead; needs the emulators', false)
  .parse()
  .opts<{ json?: string; inMemory: boolean; keys: boolean; restore: boolean }>();

const stack = await startStack({ inMemory: values.inMemory });
if (values.keys) {
  try {
    await keyDrill(stack, ({ step, checked }) =>
      console.log(`✓ ${step}${checked.map((what) => `\n    ${what}`).join('')}`),
    );
  } finally {
    await stack.stop();
  }
  process.exit(0);
}
if (values.restore) {
  try {
    const steps = await restoreDrill(stack);
    for (const { what, ok, detail } of steps) console.log(`${ok ? '✓' : '✗'} ${what}: ${detail}`);
    process.exitCode = steps.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    await stack.stop();
  }
  process.exit();
}
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
    platform: () => genuineIphone(stack),
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
