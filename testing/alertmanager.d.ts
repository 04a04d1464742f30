/** An alert as Alertmanager's API v2 lists it. */
export interface ListedAlert {
    fingerprint: string;
    labels: Record<string, string>;
    status: {
        state: 'active' | 'suppressed' | 'unprocessed';
        inhibitedBy: string[];
    };
}
export interface Alertmanager {
    /** `host:port` */
    address: string;
    alerts(): Promise<ListedAlert[]>;
    /** Raises alerts with these labels. */
    post(labels: Record<string, string>[]): Promise<void>;
    stop(): Promise<void>;
}
/** Starts Debian's Alertmanager, alone, with its data in a private folder. `config`: text of its YAML file. */
export declare function startAlertmanager(config: string): Promise<Alertmanager>;
export interface WebhookReceiver {
    url: string;
    /** labels of the alerts it was told are firing; grows, each once for each telling */
    firing: Record<string, string>[];
    close(): Promise<void>;
}
/** Hears what Alertmanager sends to a `webhook_configs` receiver. */
export declare function startWebhookReceiver(): Promise<WebhookReceiver>;
