/** A private temporary folder; `remove` it, or it goes with the test process. */
export declare function temporaryFolder(name: string): {
    path: string;
    remove(): void;
};
