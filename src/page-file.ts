/** The live page as `npm run build` makes it, one document with all it needs; found from src and from dist alike. */
export const pageFile = new URL('../dist/page.html', import.meta.url);
