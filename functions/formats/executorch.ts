/**
 * ExecuTorch (https://github.com/pytorch/executorch, schema/program.fbs): a program `.pte` with the segments
 * that lie behind it, and tensors alone `.ptd` (extension/flat_tensor). What a backend compiled is opaque.
 */
import { FormatError } from './errors.ts';
import { identifierOf, rootTable, type Table } from './flatbuffer.ts';
import { type FoundLayer, layerName, MAX_DIMENSIONS, tensorBytes } from './layers.ts';
import type { RandomAccess, Span } from './random-access.ts';

const PROGRAM_IDENTIFIER = /^ET\d\d$/;
const DATA_IDENTIFIER = 'FT01';
/** Behind the identifier: a magic number, the header's length, sizes and where the segments begin. */
const HEADERS = {
  program: { magic: 0x30306865, segmentsAt: 16 },
  data: { magic: 0x31304846, segmentsAt: 24 },
} as const;
const HEADER_AT = 8;
const MAX_HEADER_BYTES = 256;

/** Field numbers of the schemas' tables. */
const PROGRAM = {
  ...{ plans: 1, constants: 2, delegates: 3, segments: 4, constantSegment: 5, named: 7 },
} as const;
const PLAN = { values: 2 } as const;
const VALUE = { type: 0, value: 1 } as const;
const TENSOR_VALUE = 5;
const TENSOR = { type: 0, sizes: 2, buffer: 5 } as const;
const BUFFER = { data: 0 } as const;
const SEGMENT = { offset: 0, size: 1 } as const;
const SUBSEGMENTS = { segment: 0, offsets: 1 } as const;
const DATA = { segments: 1, named: 2 } as const;
const NAMED = { key: 0, segment: 1, layout: 2 } as const;
const LAYOUT = { type: 0, sizes: 1 } as const;
const MAX_CONSTANTS = 1_000_000;

/** By the number of PyTorch's ScalarType. Nothing tells what whole numbers of 8 bits are. */
const DTYPES: Readonly<Record<number, string>> = {
  ...{ 0: 'code8', 1: 'code8', 2: 'int16', 3: 'int32', 4: 'int64', 5: 'float16', 6: 'float32' },
  ...{ 7: 'float64', 11: 'bool', 15: 'bfloat16', 27: 'uint16', 28: 'uint32', 29: 'uint64' },
};

export const isExecuTorch = async (file: RandomAccess): Promise<boolean> =>
  PROGRAM_IDENTIFIER.test(await identifierOf(file));

export const isExecuTorchData = async (file: RandomAccess): Promise<boolean> =>
  (await identifierOf(file)) === DATA_IDENTIFIER;

type Description = Omit<FoundLayer, keyof Span>;

/** Finds constants, what backends compiled, and the segments. Throws FormatError. */
export async function parseExecuTorch(file: RandomAccess): Promise<void> {
  const program = await rootTable(file, await identifierOf(file));
  const described = await describeBuffers(program);
  await program.eachTable(PROGRAM.constants, 'constants', async (buffer, index) => {
    const data = await buffer.data(BUFFER.data, `constant ${index}`);
    if (data) file.found({ ...data, ...described.get(index) });
  });
  await program.eachTable(PROGRAM.delegates, 'delegates', async (delegate, index) => {
    const data = await delegate.data(BUFFER.data, `delegate ${index}`);
    if (data) file.found({ ...data, name: `delegate ${index}` });
  });
  const names = new Map<number, Description>();
  await program.eachTable(PROGRAM.named, 'named data', async (named) => {
    names.set(await named.u32(NAMED.segment), layerName(await named.string(NAMED.key, 'name')));
  });
  const segments = await segmentsOf(file, program, PROGRAM.segments, 'program');
  const constants = await program.table(PROGRAM.constantSegment);
  const holder = constants ? await constants.u32(SUBSEGMENTS.segment) : -1;
  for (const [index, segment] of segments.entries()) {
    if (constants && index === holder) await noteConstants(file, constants, segment, described);
    else file.found({ ...segment, ...names.get(index) });
  }
}

/** Finds the tensors of a data file. Throws FormatError. */
export async function parseExecuTorchData(file: RandomAccess): Promise<void> {
  const data = await rootTable(file, DATA_IDENTIFIER);
  const described = new Map<number, Description>();
  await data.eachTable(DATA.named, 'named data', async (named) => {
    const layout = await named.table(NAMED.layout);
    const sizes = layout && (await describe(layout, LAYOUT.type, LAYOUT.sizes));
    const name = layerName(await named.string(NAMED.key, 'name'));
    described.set(await named.u32(NAMED.segment), { ...name, ...sizes });
  });
  const segments = await segmentsOf(file, data, DATA.segments, 'data');
  for (const [index, segment] of segments.entries()) {
    file.found({ ...segment, ...described.get(index) });
  }
}

/** What the tensors of all plans say of the constants that they are of. */
async function describeBuffers(program: Table): Promise<Map<number, Description>> {
  const described = new Map<number, Description>();
  await program.eachTable(PROGRAM.plans, 'plans', (plan) =>
    plan.eachTable(PLAN.values, 'values', async (value) => {
      if ((await value.u8(VALUE.type)) !== TENSOR_VALUE) return;
      const tensor = await value.table(VALUE.value);
      const index = tensor ? await tensor.u32(TENSOR.buffer) : 0;
      if (!tensor || index === 0) return;
      described.set(index, await describe(tensor, TENSOR.type, TENSOR.sizes));
    }),
  );
  return described;
}

async function describe(table: Table, typeField: number, sizesField: number) {
  const type = await table.u8(typeField);
  const shape = await table.numbers(sizesField, 'sizes', MAX_DIMENSIONS);
  if (shape.some((dimension) => dimension < 0)) throw new FormatError('malformed', `${shape}`);
  return { dtype: DTYPES[type] ?? `type-${type}`, shape };
}

async function segmentsOf(
  file: RandomAccess,
  table: Table,
  field: number,
  kind: keyof typeof HEADERS,
): Promise<readonly Span[]> {
  const segments: Span[] = [];
  let base = -1;
  await table.eachTable(field, 'segments', async (segment) => {
    if (base < 0) base = await segmentBase(file, HEADERS[kind]);
    const offset = base + (await segment.u64(SEGMENT.offset));
    const length = await segment.u64(SEGMENT.size);
    file.check(offset, length, `segment ${segments.length}`);
    segments.push({ offset, length });
  });
  return segments;
}

async function segmentBase(
  file: RandomAccess,
  { magic, segmentsAt }: (typeof HEADERS)[keyof typeof HEADERS],
): Promise<number> {
  if ((await file.u32(HEADER_AT, 'header')) !== magic) {
    throw new FormatError('malformed', 'segments without their header');
  }
  const length = await file.u32(HEADER_AT + 4, 'header');
  if (length < segmentsAt + 8 || length > MAX_HEADER_BYTES) {
    throw new FormatError('malformed', 'header');
  }
  file.claim(HEADER_AT, length);
  return file.u64(HEADER_AT + segmentsAt, 'header');
}

/** Constants lie one behind the other, each up to where the next begins. */
async function noteConstants(
  file: RandomAccess,
  constants: Table,
  segment: Span,
  described: ReadonlyMap<number, Description>,
): Promise<void> {
  const offsets = await constants.numbers(SUBSEGMENTS.offsets, 'offsets', MAX_CONSTANTS, 8);
  offsets.forEach((start, index) => {
    const end = offsets[index + 1] ?? segment.length;
    if (start > end || end > segment.length) {
      throw new FormatError('outside-file', `constant ${index} at ${start}`);
    }
    const description = described.get(index);
    const bytes = tensorBytes(description?.dtype ?? '', description?.shape ?? []);
    // No number for codes, nor for the first, which stands for tensors without data: up to the next.
    const length = Number.isNaN(bytes) ? end - start : Math.min(bytes, end - start);
    file.found({ offset: segment.offset + start, length, ...description });
  });
}
