/** An unmodified client that does its work at `url` and leaves in order. */
export interface Client {
    name: string;
    /** a few hundred bytes: every split of them can be tried */
    few(url: string): Promise<void>;
    /** bodies above frame_max, all kinds of headers, returns, deliveries, acks */
    much(url: string): Promise<void>;
}
export declare const clients: readonly Client[];
