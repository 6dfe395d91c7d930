/** What the image holds, to the version: the lock file of what is installed beside the bundle, and the bill of materials of both. */

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}
/** As npm writes it (https://docs.npmjs.com/cli/configuring-npm/package-lock-json). */
export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The lock file for `manifest`, of the versions that `lock` has. Throws where it lacks one that is needed. */
export function lockOf(manifest: Manifest, lock: Lock): Lock & Readonly<Record<string, unknown>> {
  const packages: Record<string, object> = {};
  const open = Object.keys(manifest.dependencies).map((name) => ({ name, from: '', needed: true }));
  for (let next = open.pop(); next; next = open.pop()) {
    const path = resolve(lock, next.from, next.name);
    if (path === undefined) {
      if (next.needed)
        throw new RangeError(`${next.name}, which ${next.from || 'we'} need, is not locked`);
      continue;
    }
    if (packages[path]) continue;
    const { dev: _, peer: __, ...kept } = lock.packages[path] as Record<string, unknown>;
    packages[path] = kept;
    const { dependencies = {}, optionalDependencies = {} } = lock.packages[path] as LockedPackage;
    for (const name of Object.keys(dependencies)) open.push({ name, from: path, needed: true });
    for (const name of Object.keys(optionalDependencies))
      open.push({ name, from: path, needed: false });
  }
  const sorted = Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    name: manifest.name,
    version: manifest.version,
    lockfileVersion: 3,
    requires: true,
    packages: { '': { ...manifest }, ...Object.fromEntries(sorted) },
  };
}

/** As Node finds `name` from the package at `from`: there, and then in every folder above. */
function resolve({ packages }: Lock, from: string, name: string): string | undefined {
  for (
    let folder = from;
    ;
    folder = folder.split('/node_modules/').slice(0, -1).join('/node_modules/')
  ) {
    const path = `${folder && `${folder}/`}node_modules/${name}`;
    if (packages[path]) return path;
    if (!folder) return undefined;
    if (!folder.includes('/node_modules/')) {
      return packages[`node_modules/${name}`] ? `node_modules/${name}` : undefined;
    }
  }
}

/** The packages of `lock` that lie in the bundle, by the files that the bundler read. */
export function bundledPackages(inputs: readonly string[], lock: Lock): readonly string[] {
  const paths = new Set<string>();
  for (const input of inputs) {
    const [, path] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input) ?? [];
    if (!path) continue;
    if (!lock.packages[path]) throw new RangeError(`${path} is bundled and not locked`);
    paths.add(path);
  }
  return [...paths].sort();
}

/** CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): what is bundled, what is installed, and what it stands on. */
export function billOfMaterials(
  manifest: Manifest,
  { lock, bundled, base }: { lock: Lock; bundled: readonly string[]; base: string },
): object {
  const installed = Object.keys(lockOf(manifest, lock).packages).filter(Boolean);
  const component = (path: string, how: 'bundled' | 'installed') => {
    const { version = '', integrity, license } = lock.packages[path] as LockedPackage;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
    const [algorithm, digest = ''] = integrity?.split('-', 2) ?? [];
    return {
      ...{ type: 'library', 'bom-ref': `${how}:${path}`, name, version, purl },
      ...(algorithm === 'sha512' && {
        hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }],
      }),
      ...(license && { licenses: [{ expression: license }] }),
      properties: [{ name: 'modelseal:in-image', value: how }],
    };
  };
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: { type: 'container', name: manifest.name, version: manifest.version },
    },
    components: [
      { type: 'container', 'bom-ref': 'base', name: base },
      ...bundled.map((path) => component(path, 'bundled')),
      ...installed.map((path) => component(path, 'installed')),
    ],
  };
}
