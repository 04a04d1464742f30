import { type Operation } from './operations.ts';
export declare const KNOWN: Operation[][];
