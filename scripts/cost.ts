/** `npm run cost`: what so many grants of a model of such a size cost, from counted operations and dated prices. */
import { costLines } from '../test/capacity/cost.ts';
import { operationsOfAGrant } from '../test/capacity/operations.ts';
import { commandLine, wholeNumber } from './terminal/command-line.ts';

const { grants, size } = commandLine('cost', 'What grants cost, in US dollars beyond free tiers.')
  .option('--grants <number>', 'how many', wholeNumber, 1_000_000)
  .option('--size <bytes>', 'of the model', wholeNumber, 28_000_000)
  .parse()
  .opts<{ grants: number; size: number }>();

const lines = costLines({ grants, sizeBytes: size, use: await operationsOfAGrant() });
for (const { item, amount, unit, dollars, read } of lines) {
  const note = read ? `price of ${read}` : 'price from memory: check';
  const much = `${Math.round(amount).toLocaleString('en')} ${unit}`;
  console.log(`${item.padEnd(28)}${much.padStart(32)}${dollars.toFixed(2).padStart(12)}  ${note}`);
}
const total = lines.reduce((sum, { dollars }) => sum + dollars, 0);
console.log(`${'together'.padEnd(60)}${total.toFixed(2).padStart(12)}`);
process.exit();
