import { describe, expect, it } from '@jest/globals';
import { longs, raw, table, text, u32, u64 } from '../../test/support/flatbuffer-file.ts';
import { outcomeWith } from '../../test/support/outcome.ts';
import { createRandom } from '../../test/support/random.ts';
import {
  litertlmFile,
  mnnFile,
  mnnOperator,
  ortFile,
  RUNTIME_FILES,
  weightsOf,
} from '../../test/support/runtime-files.ts';
import { sealedShare } from './cover.ts';
import { FormatError } from './errors.ts';
import { type ParsedModel, parseModel } from './format.ts';

const CHANGES = 1500;
const code = outcomeWith(FormatError, 'parsed');
const files = Object.entries(RUNTIME_FILES);
const dataOf = weightsOf(96, 1);

/** What was read, or nothing where it was refused. Anything but a refusal of the parser's own fails. */
const read = (bytes: Uint8Array, format: ParsedModel['format']): Promise<ParsedModel | undefined> =>
  parseModel(bytes, format).catch((error: unknown) => {
    expect(error).toBeInstanceOf(FormatError);
    // A mistake of a parser is typed too, but is one.
    expect((error as FormatError).message).not.toContain('cannot be read');
    return undefined;
  });

describe('a file of a runtime for phones', () => {
  it.each(files)('has its weights found, each byte, and what they are: %s', async (_, file) => {
    const { format, layers } = await parseModel(file.bytes);
    expect(format).toBe(file.format);
    expect(layers.map(({ index: _index, ...layer }) => layer)).toEqual(
      file.weights.map(({ bytes, ...description }) => ({
        ...description,
        offset: Buffer.from(file.bytes).indexOf(bytes),
        length: bytes.byteLength,
      })),
    );
  });

  it.each(files)('is explained to the last byte: %s', async (_, { bytes, weights }) => {
    const { coverage } = await parseModel(bytes);
    const weightBytes = weights.reduce((sum, each) => sum + each.bytes.byteLength, 0);
    const structureBytes = bytes.byteLength - weightBytes;
    expect(coverage).toEqual({ weightBytes, opaqueBytes: 0, structureBytes, clearBytes: 0 });
    expect(sealedShare(coverage)).toBe(1);
  });

  it.each(files)('is read the same with other weights: %s', async (_, { bytes }) => {
    const parsed = await parseModel(bytes);
    const changed = bytes.slice();
    for (const { offset, length } of parsed.layers) changed.fill(0xa5, offset, offset + length);
    expect(await parseModel(changed)).toEqual(parsed);
  });

  it.each(files)('is refused wherever it is cut, or has fewer layers: %s', async (_, file) => {
    const { bytes, format, weights } = file;
    const padding = bytes.findLastIndex((byte) => byte !== 0) + 1;
    for (let length = 1; length < padding; length++) {
      const parsed = await read(bytes.slice(0, length), format);
      if (!parsed) continue;
      // Tensors of ggml come one behind the other, and nothing tells how many.
      expect(format).toBe('ggml');
      expect(parsed.layers.length).toBeLessThan(weights.length);
    }
  });

  it.each(files)('is refused or read, whatever bytes are changed: %s', async (name, file) => {
    const random = createRandom(name.length);
    for (let i = 0; i < CHANGES; i++) {
      const changed = file.bytes.slice();
      for (let n = random.between(1, 3); n > 0; n--) {
        changed[random.below(changed.byteLength)] = random.below(256);
      }
      const parsed = await read(changed, file.format);
      let end = 0;
      for (const { offset, length } of parsed?.layers ?? []) {
        expect(offset).toBeGreaterThanOrEqual(end);
        end = offset + length;
      }
      expect(end).toBeLessThanOrEqual(changed.byteLength);
      if (!parsed) continue;
      const { weightBytes, opaqueBytes, structureBytes, clearBytes } = parsed.coverage;
      const all = weightBytes + opaqueBytes + structureBytes + clearBytes;
      expect(all).toBe(changed.byteLength);
    }
  });
});

describe('MNN', () => {
  it('what an unknown operator brings along is sealed, though nobody knows what it is', async () => {
    const { layers, coverage } = await parseModel(
      mnnFile([
        mnnOperator('conv', 9, table({ 1: raw(dataOf, 4) })),
        mnnOperator('other', 99, table({ 5: raw(weightsOf(500, 5)) })),
      ]),
    );
    expect(layers).toHaveLength(2);
    expect(layers[1]).not.toHaveProperty('dtype');
    expect(coverage.weightBytes).toBe(96);
    expect(coverage.opaqueBytes).toBeGreaterThanOrEqual(500);
    expect(sealedShare(coverage)).toBe(1);
  });

  it.each([
    ['a convolution', 9, { 6: longs(0, 96) }],
    ['a constant', 7, { 9: longs(0, 96) }],
  ])('is refused with the weights of %s in another file', async (_, kind, fields) => {
    const operator = mnnOperator('w', kind, table(fields));
    expect(await code(parseModel(mnnFile([operator])))).toBe('unsupported');
  });
});

describe('ONNX Runtime', () => {
  const tensor = { 0: text('w'), 2: longs(4, 6), 3: u32(1) };

  it('refuses tensors of another length than their shape', async () => {
    const file = ortFile([table({ ...tensor, 4: raw(dataOf.slice(4)) })]);
    expect(await code(parseModel(file))).toBe('malformed');
  });

  it.each([0, 4096, 2 ** 31, 2 ** 33])('refuses weights in another file, at %d', async (offset) => {
    const file = ortFile([table({ ...tensor, 6: u64(offset) })]);
    expect(await code(parseModel(file))).toBe('unsupported');
  });

  it('takes an offset of -1 as none', async () => {
    const none = u64(0xffff_ffff_ffff_ffffn);
    const file = ortFile([table({ ...tensor, 4: raw(dataOf), 6: none })]);
    expect((await parseModel(file)).layers).toMatchObject([{ name: 'w', length: 96 }]);
  });

  it('calls small whole numbers that nothing reads a code', async () => {
    const fields = { 0: text('table'), 2: longs(96), 3: u32(3), 4: raw(dataOf) };
    expect((await parseModel(ortFile([table(fields)]))).layers).toMatchObject([{ dtype: 'code8' }]);
  });
});

describe('ExecuTorch and LiteRT-LM', () => {
  it('segments need the header that says where they lie', async () => {
    const behind = files.filter(([name]) => /segments|data/.test(name));
    expect(behind).toHaveLength(2);
    for (const [, { bytes, format }] of behind) {
      const changed = bytes.slice();
      changed[8] = 0;
      expect(await code(parseModel(changed, format))).toBe('malformed');
    }
  });

  it('a bundle without a model is none', async () => {
    expect(await code(parseModel(litertlmFile([dataOf])))).toBe('format-unknown');
  });
});
