export declare const ROOT: string;
/** Every file that fits one of the patterns, from the root on: `src/amqp/frames.ts`. */
export declare const files: (...patterns: string[]) => string[];
export declare const textOf: (path: string) => string;
export declare const isThere: (path: string) => boolean;
/** The names by which GitHub links to the headings of a page. */
export declare function anchorsOf(markdown: string): string[];
/** Links of a page to files of the repository: the path from the root on, and the anchor, '' for none. */
export declare function linksOf(page: string): {
    path: string;
    anchor: string;
}[];
/** What stands in backticks, without code blocks. */
export declare const inBackticks: (markdown: string) => string[];
