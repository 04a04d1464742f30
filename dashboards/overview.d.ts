import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
export declare function overview(): Dashboard;
