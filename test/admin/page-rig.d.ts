/** Loads the page and runs its script until it has refreshed once. */
export declare function showPage(address: string): Promise<{
    /** of a table, by row and cell */
    texts: (id: string) => string[][];
    text: (id: string) => string;
    hidden: (id: string) => boolean;
}>;
