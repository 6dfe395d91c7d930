/**
 * What no plan tells, of the files themselves: lifecycles, what is run on the spot, blocks that are
 * repeated, what variables are held to.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Block, parseSources, type Value } from '../terraform.ts';

/** A line for each, in the order of their names. */
export async function writtenLines(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.tf'));
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
  );
  const { resources, variables } = await parseSources(Object.fromEntries(texts));
  return [
    ...resources.flatMap(({ address, body }) =>
      ['lifecycle', 'provisioner', 'dynamic'].flatMap((part) =>
        said(`${address} ${part}`, body[part]),
      ),
    ),
    ...Object.entries(variables).flatMap(([name, body]: [string, Block]) =>
      ['type', 'default', 'validation', 'sensitive'].flatMap((part) =>
        said(`variable ${name} ${part}`, body[part]),
      ),
    ),
  ].sort();
}

const said = (what: string, value: Value | undefined) =>
  value === undefined ? [] : [`${what}: ${JSON.stringify(value)}`];
