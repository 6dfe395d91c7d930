/**
 * The real tools, built from their Go modules: OpenTofu, and Google's provider with the services that our
 * files use. Kept in the user's cache folder by version; a second run finds them there.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A release whose module the proxy serves; it has `replace` lines, so it is built in its own folder. */
const TOFU = { module: 'github.com/opentofu/opentofu', version: 'v1.12.6' };
/**
 * Release 8.0.0 of 2026-08-26, two days later: the module's path has no /v8, so that no release resolves.
 * Its functions are those of the release; what the version calls itself is for `required_providers`.
 */
const PROVIDER = {
  module: 'github.com/hashicorp/terraform-provider-google',
  version: 'v1.20.1-0.20260828184646-f3721fb45fa3',
  release: '8.0.0',
};
const REGISTERED = 'google/provider/provider_register_services.go';
/** Memory that the Go compiler aims at: the provider's largest package takes most of it. */
const GO_MEMORY = '4GiB';

export interface Tools {
  readonly tofu: string;
  /** A filesystem mirror (https://opentofu.org/docs/cli/config/config-file/#explicit-installation-method-configuration). */
  readonly mirror: string;
}

const cacheFolder = (): string =>
  join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'modelseal');

/**
 * Builds what the cache has not; MODELSEAL_TOOLS names a folder that has both, as releases. `types` are the resources and data sources that the provider must
 * know. Rejects where there is no Go, or the module proxy refuses.
 */
export async function ensureTools(
  types: readonly string[],
  say: (line: string) => void,
): Promise<Tools> {
  const given = process.env['MODELSEAL_TOOLS'];
  if (given) return { tofu: join(given, 'tofu'), mirror: join(given, 'mirror') };
  const tofu = join(cacheFolder(), `opentofu-${TOFU.version}`, 'tofu');
  await built(tofu, say, () => buildTofu(tofu));
  const source = await moduleFolder(PROVIDER);
  const services = await servicesOf(source, types);
  const key = createHash('sha256').update(services.join()).digest('hex').slice(0, 12);
  const mirror = join(cacheFolder(), `provider-${PROVIDER.release}-${key}`);
  const folder = join(mirror, `registry.opentofu.org/hashicorp/google/${PROVIDER.release}`);
  const binary = join(folder, 'linux_amd64', `terraform-provider-google_v${PROVIDER.release}`);
  await built(binary, say, () => buildProvider(source, services, binary));
  return { tofu, mirror };
}

async function built(path: string, say: (line: string) => void, build: () => Promise<void>) {
  if (existsSync(path)) return;
  const startedAt = performance.now();
  say(`building ${path}`);
  await build();
  say(`  built in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}

/** Where Go keeps the module's source, fetched where it is not there yet. */
async function moduleFolder({ module, version }: typeof TOFU): Promise<string> {
  const { stdout } = await run('go', ['mod', 'download', '-json', `${module}@${version}`]);
  return (JSON.parse(stdout) as { Dir: string }).Dir;
}

async function buildTofu(path: string): Promise<void> {
  await inCopy(await moduleFolder(TOFU), (folder) =>
    goBuild(folder, './cmd/tofu', path, ['-X github.com/opentofu/opentofu/version.dev=no']),
  );
}

/** The provider, unchanged but for the list of the services that it registers: all of them take many times as long to compile. */
async function buildProvider(source: string, services: readonly string[], path: string) {
  await inCopy(source, async (folder) => {
    const imports = services.map((name) => `\t_ "${PROVIDER.module}/google/services/${name}"`);
    const text = `package provider\n\nimport (\n${imports.join('\n')}\n)\n`;
    await writeFile(join(folder, REGISTERED), text);
    await goBuild(
      folder,
      '.',
      path,
      [`-X ${PROVIDER.module}/version.ProviderVersion=${PROVIDER.release}`],
      // A schema is looked up and values are planned: what optimising costs is never won back.
      [`-gcflags=${PROVIDER.module}/...=-N -l`],
    );
  });
}

/** Works in a copy of a module's folder, which Go keeps read-only, without its tests. */
async function inCopy(source: string, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'modelseal-go-'));
  try {
    await cp(source, folder, {
      recursive: true,
      filter: (path) => !/_test\.go$|\/website$/.test(path),
    });
    await run('chmod', ['-R', 'u+w', folder]);
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function goBuild(
  folder: string,
  target: string,
  path: string,
  link: readonly string[],
  more: readonly string[] = [],
): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const part = `${path}.part`;
  const ldflags = `-ldflags=-s -w ${link.join(' ')}`;
  await run(
    'nice',
    ['-n', '15', 'go', 'build', '-trimpath', ...more, ldflags, '-o', part, target],
    {
      cwd: folder,
      env: { ...process.env, GOMEMLIMIT: GO_MEMORY, GOFLAGS: '-buildvcs=false' },
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  await rename(part, path);
}

/** The folders of the provider that register these types. Throws where one is registered by none. */
async function servicesOf(source: string, types: readonly string[]): Promise<readonly string[]> {
  const root = join(source, 'google/services');
  const missing = new Set(types);
  const services = new Set<string>();
  for (const name of await readdir(root)) {
    const files = await readdir(join(root, name)).catch(() => []);
    for (const file of files.filter((each) => /(?<!_test)\.go$/.test(each))) {
      const text = await readFile(join(root, name, file), 'utf8');
      for (const [, type = ''] of text.matchAll(/^\s*Name:\s+"(google_\w+)"/gm)) {
        if (missing.delete(type) || types.includes(type)) services.add(name);
      }
    }
  }
  if (missing.size > 0) throw new RangeError(`the provider has no ${[...missing].join(', ')}`);
  return [...services].sort();
}
