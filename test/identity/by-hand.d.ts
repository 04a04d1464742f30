/** What an app says before its first publish on channels 1 and 2, all at once. */
export declare const opened: (frameMax?: number, user?: string) => Buffer;
/** What lets the app in. */
export declare const openOk: Buffer<ArrayBufferLike>;
export declare const publish: (channel?: number, key?: string, mandatory?: boolean) => Buffer;
export declare const returned: (channel?: number, key?: string) => Buffer;
