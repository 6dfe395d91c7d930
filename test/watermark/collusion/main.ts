/**
 * `npm run trace:collusions -- --model pose_heavy`: whom leaks accuse that colluders made, by
 * strategy and number of copies, as they are and under noise. Cells are kept in a file as they are
 * done, so that it may be stopped and started again; the table is printed at the end.
 */
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ACCUSED_LOG10P } from '../../../functions/watermark/suspects.ts';
import { createRandom } from '../../support/random.ts';
import { type RealModel, randomFingerprint, realModel } from '../model.ts';
import { type Cell, type CellName, tryCell } from './cell.ts';
import { copiesOf } from './copies.ts';
import { STRATEGIES } from './strategies.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'pose_heavy' },
    copies: { type: 'string', default: '2,3,5,10,16,25' },
    innocents: { type: 'string', default: '10000' },
    evidence: { type: 'string' },
    strategy: { type: 'string', multiple: true, default: Object.keys(STRATEGIES) },
    kept: {
      type: 'string',
      default: join(import.meta.dirname, '../../../.collusions/cells.jsonl'),
    },
  },
});
const counts = values.copies.split(',').map(Number);
const innocents = Number(values.innocents);
const done = existsSync(values.kept)
  ? (await readFile(values.kept, 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Cell)
  : [];
const isOf = (cell: Cell, name: CellName) =>
  cell.model === name.model &&
  cell.copies === name.copies &&
  cell.strategy === name.strategy &&
  cell.noise === name.noise;

await mkdir(dirname(values.kept), { recursive: true });
const model = await realModel(values.model as RealModel);
for (const count of counts) {
  const wanted = [false, true].flatMap((noise) =>
    values.strategy.map((strategy) => ({ model: values.model, copies: count, strategy, noise })),
  );
  const missing = wanted.filter(
    (name) => !done.some((cell) => isOf(cell, name) && cell.innocents >= innocents),
  );
  if (missing.length === 0) continue;
  const random = createRandom(count);
  const traceKey = random.bytes(32);
  const guilty = Array.from({ length: count }, () => randomFingerprint(random));
  const copies = copiesOf(model, traceKey, guilty);
  for (const name of missing) {
    const cell = await tryCell(name, model, traceKey, guilty, copies, innocents, values.evidence);
    done.push(cell);
    await appendFile(values.kept, `${JSON.stringify(cell)}\n`);
    console.error(
      `${count} copies, ${name.strategy}${name.noise ? ', noise' : ''}: 1e${cell.log10P.toFixed(0)}, ${cell.accused} of ${count}`,
    );
  }
}
print();

function print(): void {
  const last = (name: CellName) => done.findLast((cell) => isOf(cell, name));
  for (const noise of [false, true]) {
    console.log(`\n| strategy${noise ? ', then noise and 8 bits' : ''} | ${counts.join(' | ')} |`);
    console.log(`|---|${counts.map(() => '---|').join('')}`);
    for (const strategy of values.strategy) {
      const row = counts.map((count) =>
        textOf(last({ model: values.model, copies: count, strategy, noise })),
      );
      console.log(`| ${strategy.replaceAll('_', ' ')} | ${row.join(' | ')} |`);
    }
  }
  const cells = done.filter(({ model: of }) => of === values.model);
  const tests = cells.reduce((sum, cell) => sum + cell.innocents, 0);
  const wrong = cells.reduce((sum, cell) => sum + cell.falselyAccused, 0);
  console.log(`\n${cells.length} leaks, ${tests} innocents tested, ${wrong} accused`);
}

function textOf(cell: Cell | undefined): string {
  if (!cell) return '';
  const bound = `${cell.log10P.toFixed(0).replace('-', '−')}`;
  return cell.log10P < ACCUSED_LOG10P ? `${bound}, ${cell.accused}` : `${bound}, none`;
}
