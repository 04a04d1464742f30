/** What docs/configuration.md shows of a section of the file. */
export interface Example {
    /** who needs it, and what for; Markdown */
    when: string;
    yaml: string;
}
/** Of each section; the last is of the keys that stand in none. A test holds them against the schema. */
export declare const examples: Record<string, Example>;
