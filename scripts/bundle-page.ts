// Makes the live page: one document, its script and styles in it, so that a browser asks for nothing else.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';

/** In this order: later ones lean on what earlier ones say. */
const STYLES = ['base', 'shell', 'tables', 'figures', 'charts'];

/** @returns the document, and the paths of all modules that went into it */
export async function bundlePage(root: string): Promise<{ html: string; modules: string[] }> {
  const modules: string[] = [];
  const { output } = await build({
    cwd: root,
    input: 'src/page/main.tsx',
    platform: 'browser',
    write: false,
    tsconfig: 'src/page/tsconfig.json',
    output: { format: 'iife', minify: true },
    plugins: [
      {
        name: 'modules',
        generateBundle() {
          modules.push(...this.getModuleIds());
        },
      },
    ],
  });
  const uplot = readFileSync(join(root, 'node_modules/uplot/dist/uPlot.min.css'), 'utf8');
  const own = STYLES.map((name) => readFileSync(join(root, 'src/page', `${name}.css`), 'utf8'));
  const style = [uplot, ...own].join('\n');
  const script = output[0].code.trim();
  for (const text of [script, style]) {
    if (/<\/(script|style)/i.test(text)) throw new Error('the page: its script or style would end its own element');
  }
  const html = readFileSync(join(root, 'src/page/page.html'), 'utf8')
    .replace('/* style */', () => style)
    .replace('/* script */', () => script);
  return { html, modules };
}
