/** Every `gcloud` command that a person or a build is told to run is one that gcloud takes: its own parser says so, and runs nothing. */
import { spawn } from 'node:child_process';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { shellCommands } from './shell-words.ts';

const ROOT = join(import.meta.dirname, '../..');
const PARSER = join(import.meta.dirname, 'gcloud-parse.py');
/** Where commands stand, and how they are told from the text around them. */
const SOURCES: readonly (readonly [folder: string, file: RegExp, command: RegExp])[] = [
  ['docs', /\.md$/, /```sh\n([\s\S]*?)```|`(gcloud [^`\n]+)`/g],
  ['.', /^(?:README|CONTRIBUTING|SECURITY)\.md$/, /```sh\n([\s\S]*?)```|`(gcloud [^`\n]+)`/g],
  ['infra', /\.tf$/, /"(gcloud [^\n]*?)",?$/gm],
  ['.', /^cloudbuild.*\.yaml$/, /(gcloud (?:[^\n]|\\\n)*)/g],
  ['scripts/doctor', /checks\.ts$/, /[`'](gcloud [^`\n]*?)[`'],?$/gm],
];
/** Of names that stand in for something, what fits where gcloud looks at the form. */
const STANDS: Readonly<Record<string, string>> = {
  PROJECT: 'my-models',
  'var.project_id': 'my-models',
  id: 'my-models',
  REGION: 'europe-west3',
  place: '--keyring=projects/my-models/locations/europe-west3/keyRings/modelseal',
  ingress: 'internal',
  "index.fields.map(fieldConfig).join(' ')":
    '--field-config=field-path=a,order=ascending --field-config=field-path=b,order=ascending',
  TOMORROW: '2030-01-01T00:00:00Z',
  NEED: '1000',
};

interface Refused {
  readonly words: readonly string[];
  readonly why: string;
}

/** What gcloud says of the name of a command without its arguments: in a sentence it is not to be typed. */
const MENTION = /Must be specified|Command name argument expected/;

interface Command {
  readonly file: string;
  readonly words: readonly string[];
}

/** The commands, without the word `gcloud`. */
async function gcloudCommands(): Promise<readonly Command[]> {
  const found: Command[] = [];
  for (const [folder, files, pattern] of SOURCES) {
    const names = await readdir(join(ROOT, folder), { recursive: folder !== '.' });
    for (const name of names.filter((each) => files.test(each)).sort()) {
      const text = await readFile(join(ROOT, folder, name), 'utf8');
      for (const [, ...groups] of text.matchAll(pattern)) {
        const piece = (groups.find((each) => each !== undefined) ?? '')
          // Of templates, and of words in capitals that a person replaces.
          .replaceAll(
            /\$\{([^}]*)\}/g,
            (_, name: string) => STANDS[name] ?? (/[?]/.test(name) ? '' : 'X'),
          )
          .replaceAll(/\b(?:TOMORROW|NEED)\b/g, (word) => STANDS[word] ?? word);
        for (const words of shellCommands(piece, (variable) => STANDS[variable] ?? 'X')) {
          const start = words.indexOf('gcloud');
          if (start !== -1) found.push({ file: join(folder, name), words: words.slice(start + 1) });
        }
      }
    }
  }
  return found;
}

/** What gcloud does not take; undefined where it takes all. Needs the Google Cloud CLI on the path. */
export async function checkGcloudCommands(): Promise<string | undefined> {
  const commands = await gcloudCommands();
  if (commands.length < 40) return `only ${commands.length} commands were found`;
  const sdk = await sdkFolder();
  if (!sdk) return 'the Google Cloud CLI is not installed';
  const refused = await parse(sdk, commands);
  return refused.length > 0 ? refused.join('\n') : undefined;
}

async function sdkFolder(): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    const path = await realpath(join(folder, 'gcloud')).catch(() => undefined);
    if (path) return dirname(dirname(path));
  }
  return undefined;
}

function parse(sdk: string, commands: readonly Command[]): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn('python3', [PARSER, sdk], {
      env: {
        ...process.env,
        CLOUDSDK_CONFIG: join(tmpdir(), 'modelseal-gcloud'),
        CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: '1',
        CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
        CLOUDSDK_CORE_PROJECT: STANDS['PROJECT'],
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let [said, complained] = ['', ''];
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    child.stderr.on('data', (chunk) => {
      complained += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) reject(new Error(complained));
      const refused = said
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Refused)
        .filter(
          ({ words, why }) => words.some((each) => each.startsWith('-')) || !MENTION.test(why),
        );
      resolve(refused.map((each) => told(each, commands)));
    });
    child.stdin.end(commands.map(({ words }) => `${JSON.stringify(words)}\n`).join(''));
  });
}

function told({ words, why }: Refused, commands: readonly Command[]): string {
  const text = words.join(' ');
  const file = commands.find((each) => each.words.join(' ') === text)?.file;
  return `${file}: gcloud ${text}\n  ${why.split('\n')[0]}`;
}
