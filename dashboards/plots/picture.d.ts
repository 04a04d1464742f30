import type { Answer } from './ask.ts';
/** The panels as one picture, placed one after the other in 24 columns as Grafana places them. */
export declare function picture(title: string, subtitle: string, answers: Answer[]): string;
