/** A topic exchange's words: separated by dots, and none at all in an empty name. */
export function wordsOf(name: string): string[] {
  return name === '' ? [] : name.split('.');
}

/**
 * As a topic exchange binds: `*` is exactly one word, `#` any number of them, none included.
 * At most pattern × words steps: falling back to the last `#` is enough, as nothing before it
 * can gain from matching otherwise.
 */
export function wordsMatch(pattern: readonly string[], words: readonly string[]): boolean {
  let at = 0;
  let hash = -1;
  let afterHash = 0;
  for (let word = 0; word < words.length; ) {
    if (pattern[at] === '#') {
      hash = at++;
      afterHash = word;
    } else if (at < pattern.length && (pattern[at] === '*' || pattern[at] === words[word])) {
      at++;
      word++;
    } else if (hash >= 0) {
      at = hash + 1;
      word = ++afterHash;
    } else return false;
  }
  while (pattern[at] === '#') at++;
  return at === pattern.length;
}
