import { type Certificates } from './certificates.ts';
import { ManagementApi } from './management.ts';
export interface RabbitMQOptions {
    /** lines for rabbitmq.conf, e.g. `channel_max = 16` */
    config?: string[];
    /** listen for amqps too, with certificates of its own */
    tls?: boolean;
    /** plugins beside rabbitmq_management */
    plugins?: string[];
}
export interface RabbitMQ {
    /** amqp on 127.0.0.1; the same after a restart */
    port: number;
    /** amqps, 0 without `tls` */
    tlsPort: number;
    certificates: Certificates | undefined;
    /** HTTP API, as guest */
    management: ManagementApi;
    /** process id of the Erlang VM */
    pid(): number;
    /** Runs rabbitmqctl against this broker; resolves with its standard output. About 0.5 s. */
    ctl(...args: string[]): Promise<string>;
    /** Kills the broker and keeps its data and ports; SIGTERM: resolves once it has shut down. */
    kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
    /** Starts it again after `kill`, ready when resolved. */
    restart(): Promise<void>;
    /** Kills it and removes its folder. */
    stop(): Promise<void>;
    log(): string;
    /** what it has logged since its first start, from warnings on */
    warnings(): string;
}
/**
 * Starts a RabbitMQ of our own on free ports, with its data in a private folder, and waits until
 * it accepts connections. Users: guest/guest, from anywhere. It is the installed one, or that of the folder of
 * programs which BROKER_PROGRAMS names (scripts/test-rabbitmq4.mjs).
 */
export declare function startRabbitMQ(options?: RabbitMQOptions): Promise<RabbitMQ>;
