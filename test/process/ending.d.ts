import { type Socket } from 'node:net';
export interface Ending {
    /** bytes that came before it */
    received: number;
    /** `FIN`, or the system's error code */
    how: string;
}
/** How the other side ends this connection. Its own side stays open until then. */
export declare function endingOf(socket: Socket): Promise<Ending>;
/** Connects to 127.0.0.1 and waits for the end. */
export declare function connectAndWait(port: number): Promise<Ending>;
