// What a single executable begins with, and each traffic thread in it (src/threads/traffic-thread.ts): has the files of
// dist, which are within the executable, loaded as if they lay in a folder.
const { createRequire, registerHooks } = require('node:module');
const { getAsset } = require('node:sea');
const { isMainThread } = require('node:worker_threads');

const FOLDER = 'file:///tracehare-executable/';
/** `import` begins what `require` can't: a module that awaits. */
const START = `${FOLDER}start`;
const begin = `import('./${isMainThread ? 'main' : 'traffic'}.js')`;

registerHooks({
  resolve(specifier, context, next) {
    const within = specifier === START || (context.parentURL?.startsWith(FOLDER) && /^\.\.?\//.test(specifier));
    if (!within) return next(specifier, context);
    return { url: new URL(specifier, FOLDER).href, format: 'module', shortCircuit: true };
  },
  load(url, context, next) {
    if (!url.startsWith(FOLDER)) return next(url, context);
    const source = url === START ? begin : getAsset(url.slice(FOLDER.length), 'utf8');
    return { format: 'module', source, shortCircuit: true };
  },
});
createRequire(process.execPath)(START);
