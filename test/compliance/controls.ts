/** Requirements of a published standard, and how modelseal stands to each; read from docs/ops/. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const control = z.strictObject({
  id: z.string(),
  /** Of ASVS: whoever claims level 2 answers for 1 and 2. */
  level: z.literal([1, 2]).optional(),
  /** In our words. */
  title: z.string().min(1),
  status: z.enum(['met', 'partly', 'no', 'n/a']),
  /** A file, or `file: title of a test in it`. */
  evidence: z.array(z.string()).default([]),
  /** What is missing, or why it is not applicable. */
  note: z.string().optional(),
});
export type Control = z.infer<typeof control>;

/** A test by file and title, or a file that is itself the evidence. */
export interface Evidence {
  readonly file: string;
  readonly test?: string;
}

/** The controls of `asvs` or `masvs`. Throws ZodError where the file is not of the form above. */
export function controlsOf(standard: 'asvs' | 'masvs'): readonly Control[] {
  const file = join(import.meta.dirname, '../../docs/ops', `${standard}.yaml`);
  return z.array(control).parse(parse(readFileSync(file, 'utf8')));
}

/** The file of a control's evidence, and the title of the test in it where one is named. */
export function evidenceOf(text: string): Evidence {
  const [file = '', ...title] = text.split(': ');
  return title.length > 0 ? { file, test: title.join(': ') } : { file };
}
