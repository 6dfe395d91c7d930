/** The thread of `align-thread.ts`: pairs the tensors of two files, and says which are which. */
import { parentPort, workerData } from 'node:worker_threads';
import { alignTensors } from './align.ts';
import type { AlignTask, ToldPairing } from './align-thread.ts';
import type { Pairing } from './aligned-pair.ts';
import { type ModelTensor, readTensors, tensorsOf } from './tensors.ts';

const { original, layers, leaked: file } = workerData as AlignTask;
const leaked = await readTensors(file);
const answer = alignTensors(tensorsOf(original, layers), leaked).map((pairing) => ({
  ...pairing,
  leaked: toldOf(pairing),
}));
original.fill(0);
parentPort?.postMessage(answer);

function toldOf({ leaked: tensor, restored }: Pairing): ToldPairing['leaked'] {
  return restored ? numbersOf(tensor) : leaked.indexOf(tensor);
}

function numbersOf({ value, ...tensor }: ModelTensor) {
  const values = Float32Array.from({ length: tensor.elements }, (_, element) => value(element));
  return { ...tensor, values };
}
