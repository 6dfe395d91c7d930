/** PyTorch's archives: `.pt`, mobile's `.ptl` (https://github.com/pytorch/pytorch, caffe2/serialize). */
import type { Members } from './archive-entries.ts';

const PICKLE = /(?:^|\/)data\.pkl$/;
const STORAGE = /^(?:data|constants)\/\d+$/;

/**
 * Each storage is a layer: its members lie there as they are. What it is stands in the pickle, a program
 * that nobody runs here; pickles and code are sealed as they are.
 */
export async function findTorch({ entries, file, take }: Members): Promise<void> {
  const pickle = entries.find(({ name }) => PICKLE.test(name));
  if (!pickle) return;
  const root = pickle.name.slice(0, -'data.pkl'.length);
  take(pickle);
  for (const entry of entries) {
    const name = entry.name.startsWith(root) ? entry.name.slice(root.length) : '';
    if (!STORAGE.test(name)) continue;
    take(entry);
    file.found({ offset: entry.offset, length: entry.length, name });
  }
}
