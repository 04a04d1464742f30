export type Side = 'app' | 'broker';
export type OnFrame = (from: Side, type: number, channel: number, payload: Buffer) => void;
/** One connection through the pipe. */
export interface Link {
    /** no frame will follow */
    ended: boolean;
    /** From now on the app's side gets nothing from the broker but its end. */
    cut(): void;
}
/**
 * A pipe between a sidecar and its broker that shows every whole frame that passes. It reads the
 * sidecar at once, so that what has left the sidecar is seen even if a reset follows.
 */
export interface Pipe {
    port: number;
    /** in the order in which the sidecar dialled */
    links: Link[];
    /** bytes handed on towards the sidecar */
    sent: number;
    /** Holds back what the broker sends, until `thaw`; what has been sent then is all the sidecar can know of. */
    freeze(): void;
    thaw(): void;
    stop(): Promise<void>;
}
export declare function startPipe(brokerPort: number, follow: (link: Link) => OnFrame): Promise<Pipe>;
