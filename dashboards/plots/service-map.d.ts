import type { Answer } from './ask.ts';
import { type Box, type Drawing } from './panels.ts';
/** Apps that publish on the left, those that consume on the right: an app may be on both sides. */
export declare function serviceMap({ lines }: Answer, { x, y, width, height }: Box): Drawing;
