/**
 * ML programs (https://github.com/apple/coremltools/blob/main/mlmodel/format/MIL.proto): which weights of
 * the weight file a program uses, and whether its operators read them as numbers or as entries of a table.
 */
import { FormatError } from './errors.ts';
import { eachField, type Field, LENGTH_DELIMITED, passOver, textOf } from './protobuf.ts';
import type { RandomAccess, Span } from './random-access.ts';

/** Where a program's weights are: by the path of the file and the offset of their metadata in it. */
export type BlobReference = (path: string, offset: number, dtypeRole: 'linear' | 'code') => void;

/** Field numbers of MIL.proto. */
const PROGRAM = { functions: 2 } as const;
const FUNCTION = { blocks: 3 } as const;
const BLOCK = { operations: 3 } as const;
const OPERATION = { type: 1, inputs: 2, outputs: 3, blocks: 4, attributes: 5 } as const;
const PAIR = { key: 1, value: 2 } as const;
const ARGUMENT = { bindings: 1 } as const;
const BINDING = { name: 1, value: 2 } as const;
const NAMED_TYPE = { name: 1 } as const;
const VALUE = { immediate: 3, blob: 5 } as const;
const BLOB = { path: 1, offset: 2 } as const;

const MAX_BLOCK_DEPTH = 64;
/** Values within the program that are longer are weights rather than parameters. */
const MAX_PARAMETER_BYTES = 256;
/** Parameters that are numbers on a linear scale, however few bits they have. */
const LINEAR: ReadonlySet<string> = new Set([
  'constexpr_affine_dequantize.quantized_data',
  'constexpr_blockwise_shift_scale.data',
  'constexpr_sparse_blockwise_shift_scale.nonzero_data',
  'constexpr_sparse_to_dense.nonzero_data',
]);

interface Blob {
  readonly path: string;
  readonly offset: number;
}

/** Visits the program and tells `blob` of each weight that lies in a file beside it. Throws FormatError. */
export async function parseMlProgram(
  file: RandomAccess,
  program: Span,
  blob: BlobReference,
): Promise<void> {
  /** Constants by the name of their value, and by whom they are read. */
  const constants = new Map<string, Blob>();
  const readers = new Map<string, Set<string>>();

  const each = (
    message: Span,
    numbers: Readonly<Record<number, (field: Field) => Promise<void>>>,
  ) =>
    eachField(file, message, (field) => {
      const visit = field.wire === LENGTH_DELIMITED ? numbers[field.number] : undefined;
      return visit ? visit(field) : passOver(file, field);
    });
  /** The values of a map. */
  const eachValue = (entry: Span, visit: (value: Field) => Promise<void>) =>
    each(entry, { [PAIR.value]: visit });

  const visitFunction = (entry: Span) =>
    eachValue(entry, (body) =>
      each(body, {
        [FUNCTION.blocks]: (pair) => eachValue(pair, (block) => visitBlock(block, 0)),
      }),
    );

  async function visitBlock(block: Span, depth: number): Promise<void> {
    if (depth > MAX_BLOCK_DEPTH) throw new FormatError('too-large', 'blocks within blocks');
    await each(block, { [BLOCK.operations]: (operation) => visitOperation(operation, depth) });
  }

  async function visitOperation(operation: Span, depth: number): Promise<void> {
    const seen = { type: '', outputs: [] as string[], reads: [] as [string, string][] };
    const blobs: [parameter: string, Blob][] = [];
    await each(operation, {
      [OPERATION.type]: async (field) => {
        seen.type = await textOf(file, field);
      },
      [OPERATION.inputs]: (field) => visitPair(field, blobs, seen.reads),
      [OPERATION.attributes]: (field) => visitPair(field, blobs, seen.reads),
      [OPERATION.outputs]: (field) =>
        each(field, {
          [NAMED_TYPE.name]: async (name) => {
            seen.outputs.push(await textOf(file, name));
          },
        }),
      [OPERATION.blocks]: (field) => visitBlock(field, depth + 1),
    });
    for (const [parameter, name] of seen.reads) note(readers, name, `${seen.type}.${parameter}`);
    const [output = ''] = seen.outputs;
    for (const [parameter, found] of blobs) {
      if (seen.type === 'const') constants.set(output, found);
      else blob(found.path, found.offset, roleOf(new Set([`${seen.type}.${parameter}`])));
    }
  }

  /** A parameter: names of values, values, or both. */
  async function visitPair(
    pair: Span,
    blobs: [string, Blob][],
    reads: [string, string][],
  ): Promise<void> {
    let key = '';
    const value = (field: Field) => visitValue(field, (found) => blobs.push([key, found]));
    await each(pair, {
      [PAIR.key]: async (field) => {
        key = await textOf(file, field);
      },
      // An argument's list of bindings has the number of a value's documentation: each is told by its fields.
      [PAIR.value]: (field) =>
        each(field, {
          [ARGUMENT.bindings]: (binding) =>
            each(binding, {
              [BINDING.name]: async (name) => {
                reads.push([key, await textOf(file, name)]);
              },
              [BINDING.value]: value,
            }),
          [VALUE.immediate]: visitImmediate,
          [VALUE.blob]: (found) => visitBlob(found, (each) => blobs.push([key, each])),
        }),
    });
  }

  const visitValue = (field: Span, found: (blob: Blob) => void) =>
    each(field, {
      [VALUE.immediate]: visitImmediate,
      [VALUE.blob]: (reference) => visitBlob(reference, found),
    });

  async function visitImmediate({ offset, length }: Span): Promise<void> {
    if (length <= MAX_PARAMETER_BYTES) file.claim(offset, length);
    else file.found({ offset, length, name: 'value' });
  }

  async function visitBlob(reference: Span, found: (blob: Blob) => void): Promise<void> {
    let path = '';
    let offset = 0;
    await eachField(file, reference, async (field) => {
      if (field.number === BLOB.path) path = await textOf(file, field);
      if (field.number === BLOB.offset) offset = field.value;
    });
    found({ path, offset });
  }

  await each(program, { [PROGRAM.functions]: visitFunction });
  for (const [name, { path, offset }] of constants) {
    blob(path, offset, roleOf(readers.get(name) ?? new Set()));
  }
}

function note(readers: Map<string, Set<string>>, name: string, reader: string): void {
  const known = readers.get(name);
  if (known) known.add(reader);
  else readers.set(name, new Set([reader]));
}

const roleOf = (readers: ReadonlySet<string>): 'linear' | 'code' =>
  readers.size > 0 && [...readers].every((reader) => LINEAR.has(reader)) ? 'linear' : 'code';
