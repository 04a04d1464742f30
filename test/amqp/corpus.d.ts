export declare const publish: (channel: number, exchange?: string, key?: string) => Buffer<ArrayBufferLike>;
/** What an app may send, frame by frame: all kinds, observed or not. */
export declare const fromApp: readonly Buffer[];
/** What a broker may send. */
export declare const fromBroker: readonly Buffer[];
/** A frame as it stands, its last octet replaced. */
export declare function withEnd(bytes: Buffer, end: number): Buffer;
/** The head of a frame that announces `size` bytes of payload. */
export declare const head: (type: number, channel: number, size: number) => Buffer;
/** Only in tests of what is too large: a method frame's head and ids, and nothing of the rest. */
export declare const methodHead: (size: number, classId: number, methodId: number) => Buffer;
