export interface Page {
    /** below docs/ */
    file: string;
    render(): string | Promise<string>;
}
export declare const pages: Page[];
/** The page as it belongs into docs/, formatted as the linter wants it. */
export declare function rendered({ file, render }: Page): Promise<string>;
export declare function committed(file: string): string;
