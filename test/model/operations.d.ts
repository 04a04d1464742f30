import type { Content } from './ledger.ts';
import { type Scene } from './scene.ts';
/** One thing that happens, if it can. `what` says of it what is known only when it happens. */
export declare abstract class Operation {
    #private;
    run(scene: Scene): Promise<void>;
    /** What happened; undefined: it could not. */
    abstract happen(scene: Scene): string | undefined;
    /** Those that could not happen say nothing. */
    toString(): string;
}
export interface Given extends Omit<Content, 'route'> {
    channel: number;
    route: number;
}
export declare class Publishes extends Operation {
    #private;
    /** `later`: than all before; else what differs in nothing but its ids and size is kept together with it. */
    constructor(given: readonly Given[], piece: number, later: boolean);
    happen(scene: Scene): string | undefined;
}
export declare class Returns extends Operation {
    #private;
    constructor(at: number, piece: number);
    happen(scene: Scene): string | undefined;
}
export declare class Confirms extends Operation {
    #private;
    constructor(at: number, tag: number, how: 'single' | 'multiple' | 'all', ack: boolean);
    happen(scene: Scene): string | undefined;
}
export type Asked = 'qos' | 'confirm.select' | 'confirm.select nowait' | 'tx.select' | 'tx.commit' | 'tx.rollback';
export declare class Asks extends Operation {
    #private;
    constructor(at: number, what: Asked);
    happen(scene: Scene): string | undefined;
}
export declare class Answers extends Operation {
    #private;
    constructor(at: number);
    happen(scene: Scene): string | undefined;
}
type Why = 'other' | 'request' | 'exchange' | 'access' | 'size' | 'expiration';
export declare class BrokerClosesChannel extends Operation {
    #private;
    constructor(at: number, why: Why);
    happen(scene: Scene): string | undefined;
}
/** close-ok to the broker's channel.close. */
export declare class AppAgrees extends Operation {
    #private;
    constructor(at: number);
    happen(scene: Scene): string | undefined;
}
export declare class AppClosesChannel extends Operation {
    #private;
    constructor(at: number);
    happen(scene: Scene): string | undefined;
}
export declare class AppOpensChannel extends Operation {
    happen(scene: Scene): string | undefined;
}
export declare class AppClosesConnection extends Operation {
    happen(scene: Scene): string | undefined;
}
export declare class BrokerAgrees extends Operation {
    happen(scene: Scene): string | undefined;
}
export declare class BrokerClosesConnection extends Operation {
    happen(scene: Scene): string | undefined;
}
export declare class Blocks extends Operation {
    happen(scene: Scene): string | undefined;
}
export declare class AppEnds extends Operation {
    happen(scene: Scene): string | undefined;
}
export declare class Cut extends Operation {
    #private;
    constructor(first: 'app' | 'broker');
    happen(scene: Scene): string | undefined;
}
export declare class Pass extends Operation {
    #private;
    constructor(ms: number);
    happen(scene: Scene): string | undefined;
}
export declare class Slow extends Operation {
    happen(scene: Scene): string | undefined;
}
export declare class Flush extends Operation {
    happen(scene: Scene): string | undefined;
}
export {};
