import type { Ending, Operation } from './deliver-operations.ts';
import { type Settings } from './deliver-site.ts';
/** An app and a broker, both within AMQP, with the data plane between them and the ledger beside it. */
export declare class World {
    #private;
    constructor(settings: Settings);
    end(): void;
    perform(operation: Operation): Promise<void>;
    /** The connection ends, with what still comes while one side is gone already. */
    finish(how: Ending, after: Operation[]): Promise<void>;
}
