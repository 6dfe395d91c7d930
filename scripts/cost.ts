/** `npm run cost`: what so many grants of a model of such a size cost, from counted operations and dated prices. */
import { type Asked, printCost } from '../test/capacity/print-cost.ts';
import { commandLine, share, wholeNumber } from './terminal/command-line.ts';

const command = commandLine('cost', 'What grants cost, in US dollars beyond free tiers.')
  .option('--grants <number>', 'how many', wholeNumber, 1_000_000)
  .option('--size <bytes>', 'of the model', wholeNumber, 28_000_000)
  .option('--updates <share>', 'of the grants whose phone holds an older version', share, 0)
  .option('--patch <share>', 'bytes of a patch, of the whole: npm run bytes', share, 0.19);
await printCost(command.parse().opts<Asked>());
process.exit();
