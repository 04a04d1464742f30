import { Count, type Figures, type Setting } from './figures.ts';
/**
 * What passed on one connection, by its frames: a second, plain reading of the wire, frame by frame
 * with maps, that shares no code with the sidecar. Knows confirms and settlements, neither tx nor returns.
 */
export declare class Ledger {
    #private;
    readonly count: Count;
    /** publishes that passed whole */
    published: number;
    constructor(setting: Setting);
    get figures(): Figures;
    get unsettled(): number;
    frame(from: 'app' | 'broker', type: number, id: number, payload: Buffer): void;
    /** Nothing more will pass. */
    end(): void;
}
