import { copyWords, viewOf } from '../../amqp/bytes.ts';
import { writeKey } from '../../amqp/content.ts';
import { writeHex } from '../../events/hex.ts';
import type { Ids } from './context-format.ts';

/** What stands in a value in place of what each message has of its own. `low trace`: the last 64 bits. */
type Id = 'trace' | 'low trace' | 'span';
export type Part = Id | { readonly text: string };

/** Which words of the id it is: the first, and how many. */
const WORDS: Record<Id, readonly [number, number]> = { trace: [0, 4], 'low trace': [2, 2], span: [0, 2] };

/** Table entries of which each message changes only the ids: copied and filled in. */
export class EntryTemplate {
  readonly #bytes: DataView;
  readonly #places: { at: number; id: Id }[] = [];

  constructor(entries: Readonly<Record<string, readonly Part[]>>) {
    const bytes = Buffer.alloc(512);
    let at = 0;
    for (const [name, parts] of Object.entries(entries)) {
      // type S: the only one every client reads as a string
      const length = writeKey(bytes, at, name, 'S');
      const value = length + 4;
      at = value;
      for (const part of parts) {
        if (typeof part === 'object') at += bytes.write(part.text, at, 'latin1');
        else {
          this.#places.push({ at, id: part });
          at += WORDS[part][1] * 8;
        }
      }
      bytes.writeUInt32BE(at - value, length);
    }
    this.#bytes = viewOf(Uint8Array.from(bytes.subarray(0, at)));
  }

  /** Returns how many bytes. */
  write({ words, trace, span }: Ids, view: DataView, at: number): number {
    copyWords(this.#bytes, 0, this.#bytes.byteLength, view, at);
    for (const { at: place, id } of this.#places) {
      const [first, count] = WORDS[id];
      writeHex(words, (id === 'span' ? span : trace) + first, count, view, at + place);
    }
    return this.#bytes.byteLength;
  }
}

/** Writes contexts whose entries differ by the ids alone, but for whether they are sampled. */
export function templates(
  entries: (isSampled: boolean) => Record<string, readonly Part[]>,
): (context: Ids, isSampled: boolean, view: DataView, at: number) => number {
  const [unsampled, sampled] = [new EntryTemplate(entries(false)), new EntryTemplate(entries(true))];
  return (context, isSampled, view, at) => (isSampled ? sampled : unsampled).write(context, view, at);
}
