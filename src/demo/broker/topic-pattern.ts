/** Whether a topic binding's pattern takes a routing key: `*` is one word, `#` any number of them. */
export function matchesTopic(pattern: string, routingKey: string): boolean {
  return matches(wordsOf(pattern), 0, wordsOf(routingKey), 0);
}

/** The empty key has no words, not an empty one. */
const wordsOf = (key: string): string[] => (key === '' ? [] : key.split('.'));

function matches(pattern: readonly string[], p: number, key: readonly string[], k: number): boolean {
  if (p === pattern.length) return k === key.length;
  if (pattern[p] === '#') return matches(pattern, p + 1, key, k) || (k < key.length && matches(pattern, p, key, k + 1));
  if (k === key.length) return false;
  return (pattern[p] === '*' || pattern[p] === key[k]) && matches(pattern, p + 1, key, k + 1);
}
