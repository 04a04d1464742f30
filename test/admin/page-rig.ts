import { runInNewContext } from 'node:vm';
import { until } from '../../testing/wait.ts';
import { ask } from './serving.ts';

/**
 * As much of an element as the page's script uses. Whatever is appended or set becomes text or an
 * element that the script made: there is no way to hand it markup.
 */
class Node {
  readonly kind: string;
  children: (Node | string)[] = [];
  hidden = false;
  className = '';
  href = '';

  constructor(kind: string) {
    this.kind = kind;
  }

  append(...parts: (Node | string)[]): void {
    for (const part of parts) this.children.push(part instanceof Node ? part : String(part));
  }

  replaceChildren(...parts: (Node | string)[]): void {
    this.children = [];
    this.append(...parts);
  }

  get textContent(): string {
    return this.children.map((child) => (typeof child === 'string' ? child : child.textContent)).join('');
  }

  set textContent(text: string) {
    this.children = [String(text)];
  }
}

/** Loads the page and runs its script until it has refreshed once. */
export async function showPage(address: string) {
  const { body } = await ask(address, '/');
  const [, script] = /<script>(.*)<\/script>/s.exec(body) as RegExpExecArray;
  const nodes = new Map([...body.matchAll(/id="([\w-]+)"/g)].map(([, id]) => [id, new Node(id)]));
  const nodeOf = (id: string): Node => {
    const node = nodes.get(id);
    if (node === undefined) throw new Error(`the page has no element ${id}`);
    return node;
  };
  let refreshed = false;
  runInNewContext(script, {
    document: { getElementById: nodeOf, createElement: (kind: string) => new Node(kind) },
    fetch: async (path: string) => {
      const answer = await ask(address, `/${path}`);
      return { ok: answer.status === 200, text: async () => answer.body, json: async () => JSON.parse(answer.body) };
    },
    setTimeout: () => {
      refreshed = true;
    },
  });
  await until(() => refreshed, 'the page has refreshed');
  return {
    /** of a table, by row and cell */
    texts: (id: string): string[][] =>
      nodeOf(id).children.map((row) => (row as Node).children.map((cell) => (cell as Node).textContent)),
    text: (id: string): string => nodeOf(id).textContent,
    hidden: (id: string): boolean => nodeOf(id).hidden,
  };
}
