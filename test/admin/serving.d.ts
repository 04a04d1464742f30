import { type AdminOptions } from '../../src/admin/server.ts';
import type { AdminSources, SidecarState } from '../../src/admin/sources.ts';
export declare const STATE: SidecarState;
/** A document as it is rendered: bit by bit. */
export declare function inPieces(text: string): AsyncIterable<string>;
/** An admin server with these sources, closed after the test. */
export declare function start(sources?: Partial<AdminSources>, options?: Partial<AdminOptions>): Promise<{
    address: string;
    configure(settings: import("../../src/admin/access.ts").AccessSettings): void;
    close: () => Promise<void>;
}>;
export interface Asked {
    method?: string;
    headers?: Record<string, string>;
}
/** Over loopback whatever it is bound to. Not fetch: that doesn't let one choose the Host header. */
export declare function ask(address: string, path: string, { method, headers }?: Asked): Promise<{
    status: number;
    headers: any;
    body: string;
}>;
