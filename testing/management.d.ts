/** RabbitMQ's HTTP API, as guest: some ten milliseconds a call, where rabbitmqctl takes half a second. */
export declare class ManagementApi {
    readonly port: number;
    constructor(port: number);
    /** Returns the parsed answer, undefined for an empty one. Fails on any status but 2xx. */
    call(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
    createVhost(name: string): Promise<void>;
    /** Also closes the connections to it. */
    deleteVhost(name: string): Promise<void>;
    /** A user without tags; `write` restricts what it may publish to (regular expression). */
    createUser(name: string, password: string, vhost: string, write?: string): Promise<void>;
    deleteUser(name: string): Promise<void>;
    private allow;
}
