/**
 * Jest's transform of the repository with the edits in `EVIDENCE_EDITS` made: what a test would see if
 * somebody took a control away. Each edit's text must be in its file exactly once.
 */
import { relative } from 'node:path';
import swcJest from '@swc/jest';
import type { Edit } from '../attack/mutant.ts';

const ROOT = `${import.meta.dirname}/../..`;
const EDITS: readonly Edit[] = JSON.parse(process.env['EVIDENCE_EDITS'] ?? '[]');

function edited(source: string, file: string): string {
  return EDITS.filter((edit) => edit.file === relative(ROOT, file)).reduce(
    (text, { find, replace }) => {
      const parts = text.split(find);
      if (parts.length !== 2) throw new RangeError(`${parts.length - 1} times in ${file}: ${find}`);
      return parts.join(replace);
    },
    source,
  );
}

function createTransformer(options: Parameters<typeof swcJest.createTransformer>[0]) {
  const swc = swcJest.createTransformer(options) as Required<
    ReturnType<typeof swcJest.createTransformer>
  >;
  return {
    ...swc,
    process: ((source, file, rest) =>
      swc.process(edited(source, file), file, rest)) as typeof swc.process,
    processAsync: (async (source, file, rest) =>
      swc.processAsync(edited(source, file), file, rest)) as typeof swc.processAsync,
    getCacheKey: ((source, file, rest) =>
      swc.getCacheKey(edited(source, file), file, rest)) as typeof swc.getCacheKey,
  };
}

export default { createTransformer };
