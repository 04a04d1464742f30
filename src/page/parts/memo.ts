import { Component, type ComponentChildren, createElement, type FunctionComponent } from 'preact';

/** Draws again only when a property is another one: what came anew from the server but says the same is the same. */
export function memo<P extends object>(inner: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const [a, b] = [Object.entries(this.props), next as Record<string, unknown>];
      return a.some(([name, value]) => !same(value, b[name]));
    }

    override render(): ComponentChildren {
      return createElement(inner, this.props as P);
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}

function same(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b);
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
