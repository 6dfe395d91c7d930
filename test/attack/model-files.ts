/** Model files that are made so that their weights go out in the clear, or that reading them costs. */

import { concat } from '../../functions/protocol/bytes.ts';
import type { createHandler } from '../../functions/workers/publish.ts';
import { field, filled, onnxFile, safetensorsFile, tarFile } from '../support/model-files.ts';
import { type Attack, edit, SUCCEEDED } from './attack.ts';
import type { Lab } from './lab.ts';

const CHECK = 'functions/catalogue/check-model.ts';
const INTAKE = 'functions/workers/publish.ts';
const BUDGET = 'functions/formats/work-budget.ts';
const SAFETENSORS = 'functions/formats/safetensors.ts';
const REFUSED = 'not published';

/** Puts the file into the intake bucket, tells the worker, and says what is there afterwards. */
async function offer(lab: Lab, file: Uint8Array, metadata: Record<string, string> = {}) {
  const api = await lab.api();
  const { intake } = api.services.config.buckets;
  const name = 'offered/1/model.bin';
  await api.clients.objects.write(intake, name, once(file), { metadata });
  const worker = await lab.load<{ createHandler: typeof createHandler }>(INTAKE);
  const event = { id: '1', type: 'finalized', source: 'test', data: { bucket: intake, name } };
  await worker.createHandler(api.services)(event);
  return {
    published: (await api.clients.documents.get('models/offered')) !== undefined,
    lies: (await api.clients.objects.stat(intake, name)) !== undefined,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const isPublished = async (lab: Lab, file: Uint8Array, metadata?: Record<string, string>) =>
  (await offer(lab, file, metadata)).published ? SUCCEEDED : REFUSED;

const tensor = (name: string, bytes: number) =>
  field(5, concat(field(1, bytes), field(2, 2), field(8, name), field(9, filled(bytes))));
const model = onnxFile(tensor('w', 100));
/** A model, with what costs beside it. */
const withNodes = (count: number) => {
  const node = field(1, new Uint8Array(0));
  return onnxFile(tensor('w', 100), Buffer.alloc(count * node.byteLength, node));
};
const twice = (first: Uint8Array, second: Uint8Array) => {
  const archive = tarFile({ 'a.onnx': first, 'b.onnx': second });
  // The second file takes the first one's name: two readers may see two models.
  const at = Buffer.from(archive).indexOf('b.onnx');
  archive.set(Buffer.from('a.onnx'), at);
  archive.set(Buffer.from(archive.subarray(148, 156)), at + 148);
  return archive;
};

export const modelFiles: readonly Attack[] = [
  {
    name: 'model/no-weights',
    tries: 'a model of which no weight is found, so that all of it goes out unprotected',
    refused: REFUSED,
    defence: 'what is sealed is counted, and too little is a refusal',
    off: { edits: [edit(CHECK, 'if (!isEnough && !allowClear)', 'if (false)')] },
    run: (lab) => isPublished(lab, onnxFile(field(1, field(4, 'Relu')))),
  },
  {
    name: 'model/unmarked',
    tries: 'a model that cannot bear the marks that were asked for',
    refused: REFUSED,
    defence: 'tracing that cannot be given is a refusal',
    off: {
      edits: [
        edit(
          CHECK,
          "throw new ServiceError('model_invalid', { reason: 'too_few_weights_to_trace' });",
        ),
      ],
    },
    run: (lab) => isPublished(lab, model, { tracing: 'standard' }),
  },
  {
    name: 'model/endless-parts',
    tries: 'a small file of seven hundred thousand nodes',
    refused: REFUSED,
    defence: 'one budget of work for each file',
    off: {
      edits: [
        edit(BUDGET, 'this.#steps -= count;'),
        edit(BUDGET, 'this.#clock() > this.#deadlineMs', 'false'),
      ],
    },
    run: (lab) => isPublished(lab, withNodes(700_000)),
  },
  {
    name: 'model/two-of-one-name',
    tries: 'an archive with two models of one name, of which readers see one or the other',
    refused: REFUSED,
    defence: 'names in an archive are unique',
    off: {
      edits: [
        edit('functions/formats/archive-entries.ts', 'if (this.#entries.has(name))', 'if (false)'),
      ],
    },
    run: (lab) => isPublished(lab, twice(model, model)),
  },
  {
    name: 'model/bytes-behind',
    tries: 'a safetensors file with bytes that no tensor names',
    refused: REFUSED,
    defence: 'as strict as the reference reader: no byte behind the last tensor',
    off: { edits: [edit(SAFETENSORS, 'if (start + end !== file.sizeBytes)', 'if (false)')] },
    run: (lab) => {
      const tensors = { a: { dtype: 'I8', shape: [100], data_offsets: [0, 100] } };
      return isPublished(lab, safetensorsFile(tensors, filled(200)));
    },
  },
  {
    name: 'model/refused-and-left',
    tries: 'a refused file, for whoever looks into the intake bucket afterwards',
    refused: 'deleted',
    defence: 'what is refused is deleted like what is published',
    off: {
      edits: [
        edit(
          INTAKE,
          "await services.objects.delete(intake, name, info.generation);\n      services.log('ERROR', 'model refused', {",
          "services.log('ERROR', 'model refused', {",
        ),
      ],
    },
    run: async (lab) => ((await offer(lab, filled(1000))).lies ? SUCCEEDED : 'deleted'),
  },
];
