// Makes dist: the program with the packages it needs, in some forty files of which a start reads twenty
// instead of five hundred, and of a package only what is used. Beside it dist/licenses.txt, the texts that
// the packages' licenses ask to go with each copy, and dist/page.html, the live page by itself: the program has it in
// a file that is read when somebody looks, tests of single parts read this one.
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'rolldown';
import { bundlePage } from './bundle-page.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const page = await bundlePage(ROOT);

const besides: Plugin = {
  name: 'besides',
  generateBundle() {
    const folder = /^\/.*\/node_modules\/(@[^/]+\/)?[^/]+/;
    const folders = new Set([...this.getModuleIds(), ...page.modules].flatMap((id) => folder.exec(id)?.[0] ?? []));
    this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: [...folders].sort().map(notice).join('\n') });
    this.emitFile({ type: 'asset', fileName: 'page.html', source: page.html });
  },
};

const PAGE_MODULE = join(ROOT, 'src/page-text.ts');
const PAGE_TEXT = '\0page';

/** The page's text in the program, and not in memory before somebody looks. */
const pageWithin: Plugin = {
  name: 'page-within',
  resolveId: (id) => (id === PAGE_TEXT ? id : undefined),
  load(id) {
    if (id === PAGE_TEXT) return `export default ${JSON.stringify(page.html)};`;
    return id === PAGE_MODULE
      ? `export const pageText = async () => (await import(${JSON.stringify(PAGE_TEXT)})).default;`
      : undefined;
  },
};

/** Behind the name of a module that is imported as a whole. */
const WHOLE = '?whole';

/**
 * Who imports a module of Node has it asked for each of its exports, also for what it only makes when
 * asked: node:http loads all of undici for its fetch (40 ms, 15 MiB), node:process opens stdin. What stands
 * for these modules here asks for what is used; of a module that is imported while the program runs nobody knows
 * what that is, so it has nothing that is only made when asked.
 */
const builtins: Plugin = {
  name: 'builtins',
  resolveId: (id, _, { kind }) =>
    isBuiltin(id) && kind !== 'require-call' ? `\0${id}${kind === 'dynamic-import' ? WHOLE : ''}` : undefined,
  load(id) {
    const whole = id.endsWith(WHOLE);
    const name = id.slice(1, whole ? -WHOLE.length : undefined);
    if (id[0] !== '\0' || !isBuiltin(name)) return undefined;
    const module = process.getBuiltinModule(name) ?? {};
    const builtin = `process.getBuiltinModule('${name}')`;
    const names = Object.keys(module).filter(
      (each) => /^[a-z]\w*$/i.test(each) && !(whole && Object.getOwnPropertyDescriptor(module, each)?.get),
    );
    const exported = names.map((each) => `const its_${each} = builtin.${each};\nexport { its_${each} as ${each} };`);
    return [`const builtin = ${builtin};`, 'export default builtin;', ...exported].join('\n');
  },
};

/** A package that looks for another one only when it runs, where nobody has installed it. */
const LATE_REQUIRE = /\b__require\("([^"]+)"\)/g;

/** Brings along what is looked for late, and refuses to make a program that would still look for something. */
const lateRequires: Plugin = {
  name: 'late-requires',
  transform(code, id) {
    if (!/\/node_modules\/.*\.mjs$/.test(id)) return undefined;
    const names = new Set([...code.matchAll(LATE_REQUIRE)].map(([, name]) => name).filter((name) => !isBuiltin(name)));
    if (names.size === 0) return undefined;
    const known = [...names];
    // on the first line, so that all others stay where source maps say they are
    const imports = known.map((name, i) => `import * as late${i} from ${JSON.stringify(name)}; `).join('');
    const found = (whole: string, name: string) => (names.has(name) ? `late${known.indexOf(name)}` : whole);
    return { code: imports + code.replace(LATE_REQUIRE, found), map: null };
  },
  generateBundle(_, files) {
    for (const file of Object.values(files)) {
      if (file.type !== 'chunk') continue;
      const missing = [...file.code.matchAll(LATE_REQUIRE)].map(([, name]) => name).find((name) => !isBuiltin(name));
      if (missing !== undefined) this.error(`${file.fileName} would look for the package ${missing} when it runs`);
      const outside = file.imports.find((name) => !(name in files));
      if (outside !== undefined) this.error(`${file.fileName} would import ${outside} when it runs`);
    }
  },
};

function notice(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return `${name} ${version}, ${license}\n\n${texts.join('\n\n')}\n`;
}

await build({
  cwd: ROOT,
  input: ['src/main.ts', 'src/threads/traffic.ts'],
  platform: 'node',
  output: { dir: 'dist', cleanDir: true, entryFileNames: '[name].js', chunkFileNames: '[name].js', sourcemap: true },
  treeshake: { propertyReadSideEffects: false },
  plugins: [pageWithin, builtins, lateRequires, besides],
});
