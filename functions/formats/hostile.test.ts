import { describe, expect, it } from '@jest/globals';
import { HOSTILE_MODELS } from '../../test/support/hostile-models.ts';
import { FormatError } from './errors.ts';
import { parseModel } from './format.ts';

const SIZE_BYTES = 1_000_000;
/** Two seconds for ten megabytes leave a tenth; what the test's own machinery costs is not the parser's. */
const MAX_MS = 2_000;

const processorMs = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

describe('a hostile file', () => {
  it.each(Object.entries(HOSTILE_MODELS))(
    'is read or refused with a typed error, in bounded time: %s',
    async (_, make) => {
      const bytes = make(SIZE_BYTES);
      const source = {
        sizeBytes: bytes.byteLength,
        read: async (offset: number, length: number) => bytes.slice(offset, offset + length),
      };
      const startedAt = processorMs();
      const outcome = await parseModel(source).then(
        ({ layers }) => layers.length,
        (error: unknown) => error,
      );
      expect(processorMs() - startedAt).toBeLessThan(MAX_MS);
      if (typeof outcome !== 'number') {
        expect(outcome).toBeInstanceOf(FormatError);
        // A mistake of a parser is typed too, but is one.
        expect((outcome as FormatError).message).not.toContain('cannot be read');
      }
    },
  );

  it('counts what is referred to again and again each time', async () => {
    const name = HOSTILE_MODELS['tflite: one long name for all'];
    await expect(parseModel(name?.(SIZE_BYTES) ?? new Uint8Array(0))).rejects.toMatchObject({
      code: 'too-large',
    });
  });
});
