/** The reference readers and runtimes: Python packages in an environment of their own. */
import { join } from 'node:path';
import { type Python, pythonEnvironment } from '../../support/python-environment.ts';

const HERE = import.meta.dirname;
export const WORK = join(HERE, '../../../.formats-reference');
const PACKAGES_OF_MODELS = ['basic_pitch', 'pymicro_wakeword'];

let made: Promise<Python> | undefined;
/** Of the packages with models only the files are wanted, not the frameworks that they would bring. */
const python: Python = async (args) => {
  made ??= pythonEnvironment(join(WORK, 'venv'), [
    { file: join(HERE, 'requirements.txt') },
    { file: join(HERE, 'requirements-models.txt'), isAlone: true },
  ]);
  return (await made)(args);
};

/** Where packages have put the models that they ship. */
export async function modelFolders(): Promise<readonly string[]> {
  const { purelib } = JSON.parse(
    await python(['-c', 'import json, sysconfig; print(json.dumps(sysconfig.get_paths()))']),
  ) as { purelib: string };
  return PACKAGES_OF_MODELS.map((name) => join(purelib, name));
}

/** One of the scripts beside this file, in a process of its own; its standard output. */
export const script = (name: string, ...args: readonly string[]): Promise<string> =>
  python([join(HERE, name), ...args]);
