/** Child process: bundles as a React Native app does. `metro-bundle.cjs FOLDER ENTRY OUTPUT [by-exports | by-main]` */
const { join } = require('node:path');
const Metro = require('metro');

const [folder, entry, out, way = 'by-exports'] = process.argv.slice(2);
const modules = join(__dirname, '../../node_modules');

async function bundle() {
  const config = await Metro.loadConfig(
    { cwd: folder, projectRoot: folder },
    {
      projectRoot: folder,
      // The helpers that Babel's code asks for.
      watchFolders: ['@babel/runtime', 'metro-runtime'].map((name) => join(modules, name)),
      resolver: {
        nodeModulesPaths: [modules],
        useWatchman: false,
        // False was the default up to React Native 0.78.
        unstable_enablePackageExports: way === 'by-exports',
      },
      maxWorkers: 1,
      cacheStores: [],
      reporter: { update: () => undefined },
    },
  );
  await Metro.runBuild(config, { entry, out, platform: 'android', minify: false, dev: false });
}

bundle().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
