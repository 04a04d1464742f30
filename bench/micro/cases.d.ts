import { type Message } from '../../testing/peer-frames.ts';
import { type Rig } from '../../testing/plane-rig.ts';
import type { Step } from './measure.ts';
export interface CaseOptions {
    /** loss modes to try */
    loss: string[];
    /** bytes of a body */
    body: number;
    /** bytes of a chunk, about */
    chunk: number;
    /** distinct routing keys */
    topics: number;
    /** OTEL_* variables that rule sampling */
    env: Record<string, string>;
}
export interface Case {
    name: string;
    prepare(): Step;
}
export declare function cases(options: CaseOptions): Case[];
export declare function publishing(options: CaseOptions, loss: string, more?: Partial<Message>, confirms?: boolean): Step & {
    rig: Rig;
};
export declare function delivering(options: CaseOptions, noAck: boolean): Step & {
    rig: Rig;
};
