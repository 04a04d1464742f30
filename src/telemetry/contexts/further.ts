import type { ContentHeader } from '../../amqp/content.ts';
import type { TraceContext } from '../../proxy/ports/interceptor.ts';
import type { ContextFormat, Ids } from './context-format.ts';

interface Located {
  format: ContextFormat;
  /** position of its first header among the known ones */
  first: number;
  /** its headers, a bit per position */
  headers: number;
  /** in TraceContext.added */
  bit: number;
}

/** The contexts of all formats that are wanted beside W3C's. What a message has of one, valid or not, is left as it is. */
export class FurtherContexts {
  readonly headers: readonly string[];
  readonly #formats: readonly Located[];
  readonly #ids: { -readonly [K in keyof Ids]: Ids[K] } = { words: new Uint32Array(0), trace: 0, span: 0 };

  /** `at`: position of the first of all their headers among the known ones. */
  constructor(formats: readonly ContextFormat[], at: number) {
    this.headers = formats.flatMap(({ headers }) => headers);
    let next = at;
    this.#formats = formats.map((format, i) => {
      const first = next;
      next += format.headers.length;
      return { format, first, headers: ((1 << format.headers.length) - 1) << first, bit: 2 << i };
    });
  }

  /** Of the first that has one: its flags, trace id and span id then in `words`; -1 without a valid one. */
  read(header: ContentHeader, words: Uint32Array): number {
    for (const { format, first, headers } of this.#formats) {
      const flags = header.among(headers) === 0 ? -1 : format.read(header, first, words);
      if (flags >= 0) return flags;
    }
    return -1;
  }

  /**
   * Writes those that the message (undefined: one without any known header) does not have, with the span id `span` words
   * behind `context.at`, to `view` at `at`. Returns where they end.
   */
  add(
    header: ContentHeader | undefined,
    context: TraceContext,
    span: number,
    isSampled: boolean,
    view: DataView,
    at: number,
  ): number {
    const ids = this.#ids;
    ids.words = context.ids;
    ids.trace = context.at;
    ids.span = context.at + span;
    let end = at;
    for (const { format, headers, bit } of this.#formats) {
      if (header !== undefined && header.among(headers) !== 0) continue;
      end += format.write(ids, isSampled, view, end);
      context.added |= bit;
    }
    return end;
  }

  headersOf(added: number): number {
    let set = 0;
    for (const { headers, bit } of this.#formats) if ((added & bit) !== 0) set |= headers;
    return set;
  }
}
