import { fc, test as property } from './property.ts';
import { expect, test } from 'vitest';
