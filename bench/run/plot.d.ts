import { type Results } from './samples.ts';
/** The whole picture, or undefined if the results hold nothing that is drawn. */
export declare function plot({ samples }: Results): string | undefined;
